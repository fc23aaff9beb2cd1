"""Matching by the command: run it, decide in the terminal or a spreadsheet, list duplicates."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from .shop import Shop

OLD = {"name": "Old Friends GmbH", "web": "old.example"}


@pytest.fixture
def queued(fresh: Shop) -> Shop:
    """Two accounts whose ERP customers have the same name and nothing else."""
    with fresh.crm() as crm, fresh.erp() as erp:
        for name in ("Kestrel Pumps", "Larkspur Foods"):
            crm.add("customer", {"Name": name})
            erp.add("customer", {"name": name.upper()})
    return fresh


def ids(shop: Shop, name: str) -> tuple[str, str]:
    """The account's id and the ERP customer's."""
    with shop.crm() as crm:
        account = next(i for i, c in crm.all("customer").items() if c["Name"] == name)
    return account, shop.erp_customer(name.upper())[0]


def answered(shop: Shop, monkeypatch: pytest.MonkeyPatch, text: str, *options: str):  # type: ignore[no-untyped-def]
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return shop.do("match", "review", *options)


def test_run_counts_what_is_to_do_and_writes_to_neither_system(queued: Shop) -> None:
    made = queued.do("match", "run", "--json")
    assert made.code == 3, "a person is needed"
    assert made.json["review"] == 2
    assert made.json["records"] == {"crm": 4, "erp": 3}
    assert made.json["alone"] == {"crm": 2, "erp": 1}
    assert made.json["weights"] == "default-1"
    with queued.erp() as erp:
        assert erp.written == {}
    assert "for a person: interlock match review" in queued.do("match", "run").flat


class TestReview:
    def test_answers_from_a_pipe(self, queued: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        queued.do("match", "run")
        made = answered(queued, monkeypatch, "what?\na\nREJECT\n")
        assert made.code == 0
        assert "Answer a, r, s or q." in made.out
        assert "1 linked, 1 refused, 0 left." in made.flat
        assert "same name" in made.out
        assert "probability" in made.out
        queued.go()
        with queued.erp() as erp:
            assert len(erp.all("customer")) == 6, "the refused one, Acme and Beta are new"
        assert "There is nothing to decide." in queued.do("match", "review").flat

    def test_what_is_left_needs_a_person(
        self, queued: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queued.do("match", "run")
        made = answered(queued, monkeypatch, "s\nq\n")
        assert made.code == 3
        assert "0 linked, 0 refused, 2 left." in made.flat
        assert answered(queued, monkeypatch, "").code == 3, "the end of the pipe ends it"

    def test_one_json_document(self, queued: Shop) -> None:
        queued.do("match", "run")
        made = queued.do("match", "review", "--json").json
        assert made["total"] == 2
        score = made["pairs"][0]["score"]
        assert 0.2 <= score["probability"] < 1, "names alone are reviewed, however likely"
        assert set(score["contributions"]) >= {"start", "name"}


class TestSinglePairs:
    def test_accept_shows_on_the_link_and_can_be_undone(self, queued: Shop) -> None:
        queued.do("match", "run")
        account, partner = ids(queued, "Kestrel Pumps")
        assert (
            f"May be erp {partner} KESTREL PUMPS"
            in queued.do("explain", "customer", account, "--system", "crm").flat
        )
        assert queued.do("match", "accept", account, partner, "--by", "ann").code == 0
        shown = queued.do("links", "show", "customer", account).flat
        assert "linked by a person (ann)" in shown
        assert "weights default-1" in shown
        assert "undecided again" in queued.do("match", "undo", account, partner).flat
        assert queued.do("match", "run", "--json").json["review"] == 2

    def test_reject_is_kept(self, queued: Shop) -> None:
        queued.do("match", "run")
        account, partner = ids(queued, "Kestrel Pumps")
        assert queued.do("match", "reject", account, partner).code == 0
        assert queued.do("match", "run", "--json").json["review"] == 1
        again = queued.do("match", "reject", account, partner, "--json").json
        assert (again["state"], again["changed"]) == ("refused", False)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("accept", "nobody", "1"), "no customer nobody in crm"),
            (("reject", "nobody", "1"), "no customer nobody in crm"),
            (("undo", "nobody", "1"), "no customer nobody in crm"),
            (("accept", "1"), "ERP_ID"),
            (("accept", "1", "2", "--entity", "costumer"), "customer"),
            (("duplicates", "--side", "both"), "neither crm nor erp"),
            (("import", "nowhere.csv"), "cannot read"),
            (("learn",), "too few to learn from"),
            (("learn", "only-one.csv"), "takes three"),
        ],
    )
    def test_wrong_use_says_what_and_does_nothing(
        self, queued: Shop, arguments: tuple[str, ...], words: str
    ) -> None:
        queued.do("match", "run")
        made = queued.do("match", *arguments)
        assert made.code == 2
        assert words in made.flat


class TestFiles:
    def test_export_decide_import(self, queued: Shop, tmp_path: Path) -> None:
        queued.do("match", "run")
        file = tmp_path / "queue.csv"
        assert queued.do("match", "export", file, "--json").json["pairs"] == 2
        rows = list(csv.DictReader(file.read_text().splitlines()))
        for row in rows:
            row["decision"] = "accept" if row["crm_name"] == "Kestrel Pumps" else ""
        with file.open("w", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        made = queued.do("match", "import", file)
        assert made.code == 0
        assert "1 linked, 0 refused, 0 decided so before, 1 undecided" in made.flat
        account, _ = ids(queued, "Kestrel Pumps")
        assert queued.do("links", "show", "customer", account).code == 0

    def test_a_bad_row_is_named_by_its_line(self, queued: Shop, tmp_path: Path) -> None:
        queued.do("match", "run")
        file = tmp_path / "queue.csv"
        file.write_text("decision,crm_id,erp_id\naccept,1,2\nmaybe,1,2\n")
        made = queued.do("match", "import", file)
        assert made.code == 2
        assert f"{file}:3: 'maybe' is no decision" in made.flat

    def test_duplicates_are_a_worklist(self, fresh: Shop, tmp_path: Path) -> None:
        with fresh.erp() as erp:
            erp.add("customer", OLD | {"name": "Old Friends", "vat_no": "DE136695976"})
            erp.add("customer", OLD | {"vat_no": "DE136695976"})
        fresh.do("match", "run")
        file = tmp_path / "doubles.csv"
        made = fresh.do("match", "duplicates", "--side", "erp", "--out", file)
        assert made.code == 3
        assert "Merge them in the system itself" in made.flat
        rows = list(csv.DictReader(file.read_text().splitlines()))
        assert {row["band"] for row in rows} == {"link", "review"}
        assert all(row["survivor_id"] != row["duplicate_id"] for row in rows)
