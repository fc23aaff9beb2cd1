"""Several ERP customers of one account by the command: attached, shown, exported, taken off."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from .shop import Shop
from .test_cli_match import ids


@pytest.fixture
def branch(fresh: Shop) -> tuple[Shop, str, str, str]:
    """A linked customer and a branch of it: the shop, account, main customer, branch."""
    with fresh.crm() as crm, fresh.erp() as erp:
        crm.add("customer", {"Name": "Kestrel Pumps", "VatNumber": "DE136695976"})
        erp.add("customer", {"name": "KESTREL PUMPS", "vat_no": "DE136695976"})
    fresh.do("match", "run")
    account, main = ids(fresh, "Kestrel Pumps")
    with fresh.erp() as erp:
        further = erp.add("customer", {"name": "Kestrel Lyon", "vat_no": "DE136695976"})
    fresh.do("match", "accept", account, main)
    fresh.do("match", "run")
    return fresh, account, main, further


def test_accepted_shown_and_taken_off(branch: tuple[Shop, str, str, str]) -> None:
    shop, account, main, further = branch
    made = shop.do("match", "accept", account, further)
    assert made.code == 0
    assert "as a further ERP customer of the account" in made.flat
    assert "they were before" in shop.do("match", "accept", account, further).flat
    shown = shop.do("links", "show", "customer", account)
    assert f"and erp customer {further} Kestrel Lyon, attached by" in shown.flat
    [told] = shop.do("links", "show", "customer", account, "--json").json["attached"]
    assert (told["id"], told["away"]) == (further, "")
    assert "(and 1 more)" in shop.do("links", "list").flat
    assert "attached to link" in shop.do("explain", "customer", further, "--system", "erp").flat
    undone = shop.do("links", "undo", "customer", further, "--yes")
    assert undone.code == 0
    assert f"customer {further} is taken off link" in undone.flat
    left = shop.do("links", "show", "customer", account, "--json").json
    assert left["attached"] == []
    assert left["members"]["erp"]["id"] == main


def test_taken_back_it_waits_again(branch: tuple[Shop, str, str, str]) -> None:
    shop, account, _, further = branch
    shop.do("match", "accept", account, further)
    made = shop.do("match", "undo", account, further)
    assert "are apart: the next run matches the ERP's anew" in made.flat
    shop.do("match", "run")
    assert [p["erp"]["id"] for p in shop.do("match", "review", "--json").json["pairs"]] == [further]


def test_decisions_are_kept_in_a_file(branch: tuple[Shop, str, str, str], tmp_path: Path) -> None:
    shop, account, _, further = branch
    shop.do("match", "accept", account, further)
    file = tmp_path / "members.csv"
    assert "1 pair" in shop.do("match", "export", str(file), "--attached").flat
    [row] = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    assert (row["decision"], row["crm_id"], row["erp_id"]) == ("attach", account, further)
    shop.do("match", "undo", account, further)
    made = shop.do("match", "import", str(file))
    assert "1 linked (1 of them attached)" in made.flat


def test_the_whole_link_is_undone_with_it(branch: tuple[Shop, str, str, str]) -> None:
    shop, account, _, further = branch
    shop.do("match", "accept", account, further)
    made = shop.do("links", "undo", "customer", account, "--yes")
    assert f"{further} had been attached to it" in made.flat
