"""First insight as a newcomer gets it: the commands of the guide, and hostile files."""

from __future__ import annotations

import csv
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from interlock.cli import run

EXPORTS = Path(__file__).parents[2] / "examples/exports"
DOCS = Path(__file__).parents[2] / "docs/how-to/first-insight.md"

Capture = pytest.CaptureFixture[str]


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def leakage(folder: Path, deals: str, orders: str, *more: str) -> int:
    (folder / "deals.csv").write_text(deals, encoding="utf-8")
    (folder / "orders.csv").write_text(orders, encoding="utf-8")
    return run(["report", "leakage", "--deals", str(folder / "deals.csv"), "--orders",
                str(folder / "orders.csv"), "--out", str(folder / "leaks.html"), *more])  # fmt: skip


ORDERS = "number,customer,amount,currency,date\nSO1,Acme,100.00,EUR,2026-03-05\n"
DEALS = "id,customer,amount,currency,date\nD1,Acme,100.00,EUR,2026-03-02\n"


def test_the_commands_of_the_guide_do_what_it_says(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = re.findall(r"^\$ interlock (.+)$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    commands = [command for command in commands if "splink" not in command]
    assert len(commands) >= 4
    for file in EXPORTS.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    for command in commands:
        assert run(command.split()) in (0, 3), command
    said = capsys.readouterr().out
    assert "21 won deals, 11 with their order, 10 to look at" in said
    assert (tmp_path / "readiness.html").exists()


def test_leaks_of_the_sample_exports_are_found_with_their_causes(
    tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "leaks.html"
    code = run(["report", "leakage", "--deals", str(EXPORTS / "salesforce-opportunities.csv"),
                "--orders", str(EXPORTS / "netsuite-sales-orders.csv"),
                "--customers-left", str(EXPORTS / "salesforce-accounts.csv"),
                "--customers-right", str(EXPORTS / "netsuite-customers.csv"),
                "--out", str(out), "--json"])  # fmt: skip
    assert code == 3
    found = json.loads(capsys.readouterr().out)
    causes = {f["customer"].split()[0]: f["cause"] for f in found["leakage"]["findings"]}
    assert causes == {
        "Sunfield": "customer unknown in the ERP",
        "Lindqvist": "customer unknown in the ERP",
        "Nordhafen": "no order of this customer fits",
        "Glenmoor": "no order of this customer fits",
        "Thornbury": "ordered for another amount",
        "Maison": "ordered in another currency",
        "Oakline": "ordered under a duplicate customer",
        "Redstone": "ordered much later",
        "Cascade": "ordered twice",
        "Marlowe": "its order was cancelled",
    }
    totals = {t["currency"]: t["leaking"] for t in found["leakage"]["totals"]}
    assert totals == {"EUR": "43800.00", "GBP": "19599.00", "USD": "55870.00"}
    assert [source["program"] for source in found["sources"]] == [
        "Salesforce", "NetSuite", "Salesforce", "NetSuite"
    ]  # fmt: skip
    assert len(rows(tmp_path / "leaks-deals.csv")) == 10
    assert found["leakage"]["in_parts"] == 1


def test_semicolons_commas_and_day_first_dates_are_read(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "leaks.html"
    run(["report", "leakage", "--deals", str(EXPORTS / "hubspot-deals.csv"), "--orders",
         str(EXPORTS / "quickbooks-invoices.csv"), "--out", str(out), "--json"])  # fmt: skip
    found = json.loads(capsys.readouterr().out)["leakage"]
    assert {f["name"]: f["leaking"] for f in found["findings"]} == {
        "Petrel spring": "3000.00",
        "Corvid spring": "1800.00",
    }


def test_the_readiness_of_the_sample_exports_is_told(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "r.html"
    code = run(["assess", "--files", str(EXPORTS / "salesforce-accounts.csv"),
                str(EXPORTS / "netsuite-customers.csv"), "--out", str(out), "--json"])  # fmt: skip
    assert code == 3
    crm, erp = json.loads(capsys.readouterr().out)["readiness"]["sides"]
    assert crm["quality"]["flaws"] == {
        "no postal code": 1, "postal code not of its country's form": 1, "unknown country": 1,
        "invalid tax id": 1,
    }  # fmt: skip
    assert (crm["expected"]["linked"], erp["expected"]["alone"]) == (19, 2)
    kept = {
        (r["side"], r["survivor_id"], r["duplicate_id"])
        for r in rows(tmp_path / "r-duplicates.csv")
    }
    assert ("ERP", "1002", "1090") in kept
    assert {r["value"] for r in rows(tmp_path / "r-flaws.csv")} == {
        "", "4321", "Untied States", "DE900000110", "12-34"
    }  # fmt: skip


@pytest.mark.parametrize("command", ["assess", "leakage"])
def test_a_page_needs_nothing_else_and_can_be_read_without_seeing(
    tmp_path: Path, command: str
) -> None:
    out = tmp_path / "page.html"
    if command == "assess":
        run(["assess", "--files", str(EXPORTS / "salesforce-accounts.csv"),
             str(EXPORTS / "netsuite-customers.csv"), "--out", str(out)])  # fmt: skip
    else:
        run(["report", "leakage", "--deals", str(EXPORTS / "salesforce-opportunities.csv"),
             "--orders", str(EXPORTS / "netsuite-sales-orders.csv"), "--out", str(out)])  # fmt: skip
    page, text = Page(out), out.read_text(encoding="utf-8")
    assert not {"script", "link", "img", "iframe", "form"} & set(page.tags)
    assert page.links == []
    assert not re.search(r"url\((?!#)|@import|https?://", text)
    assert page.tags.count("h1") == 1
    assert page.tags.count("caption") == page.tags.count("table") > 0
    assert 'lang="en"' in text
    for drawing in re.findall(r"<svg[^>]*>", text):
        assert 'aria-hidden="true"' in drawing or (
            'role="img"' in drawing and "aria-label" in drawing
        )


def test_names_that_are_markup_or_formulas_are_shown_as_they_are(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    deals = f'id,customer,amount,currency,date\n=1+1,"{evil}",100,EUR,2026-03-02\n'
    deals += "D2,=cmd|calc,100,EUR,2026-03-02\n"
    assert leakage(tmp_path, deals, ORDERS) == 3
    page = Page(tmp_path / "leaks.html")
    assert "script" not in page.tags
    assert evil in page.text
    assert {r["customer"] for r in rows(tmp_path / "leaks-deals.csv")} == {evil, "'=cmd|calc"}


def test_a_covered_deal_is_quiet(tmp_path: Path, capsys: Capture) -> None:
    assert leakage(tmp_path, DEALS, ORDERS) == 0
    assert "1 won deal, 1 with their order, 0 to look at" in capsys.readouterr().out
    assert "Nothing leaks" in (tmp_path / "leaks.html").read_text(encoding="utf-8")


def test_unknown_headers_are_mapped_by_flags(tmp_path: Path, capsys: Capture) -> None:
    deals = "Ref,Wer,Wieviel,Wann\nD1,Acme,100,02.03.2026\n"
    assert leakage(tmp_path, deals, ORDERS) == 2
    problem = capsys.readouterr().err
    assert "deals.csv:1: no column is recognised" in problem
    assert "--map 'deals:COLUMN=customer'" in problem
    flags = [f for c in ("Wer=customer", "Wieviel=amount", "deals:Wann=date") for f in ("--map", c)]
    assert leakage(tmp_path, deals, ORDERS, *flags, "--currency", "deals:EUR") == 0


def test_questions_are_asked_once_and_their_answers_kept(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["Wer", "9", "3", "Wann", "dmy"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda *_a, **_k: next(answers))
    deals = "Ref,Wer,Wieviel,Wann\nD1,Acme,100,02/03/2026\n"
    assert leakage(tmp_path, deals, ORDERS) == 0
    assert "There is no '9'" in capsys.readouterr().err
    assert next(answers, None) is None
    kept = (tmp_path / "leaks-answers.yaml").read_text(encoding="utf-8")
    assert "Wieviel: amount" in kept
    assert leakage(tmp_path, deals, ORDERS) == 0, "nobody is asked again"


@pytest.mark.parametrize(
    ("deals", "problem"),
    [
        ("", "deals.csv: the file is empty"),
        ("id,customer,amount,date\nD1,Acme,100,03/04/2026\n", "deals.csv:2: dates such as 03/04"),
        ("id,customer,amount,date\nD1,A,1.50,2026-03-02\nD2,A,\"1,50\",2026-03-02\n",
         "deals.csv:3: amounts prove both"),
        ("id,customer,amount,date\nD1,Acme,plenty,2026-03-02\n",
         "deals.csv:2: 1 of 1 rows cannot be read: the amount is no number"),
        ("id,customer_id,amount,date\nD1,17,5,2026-03-02\n", "given by id only"),
        ("id,customer,amount,date,stage\nD1,Acme,5,2026-03-02,Open\n", "no deal is won"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_says_where_and_why(
    tmp_path: Path, capsys: Capture, deals: str, problem: str
) -> None:
    assert leakage(tmp_path, deals, ORDERS) == 2
    error = capsys.readouterr().err
    assert problem in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "flags",
    [["--dates", "ymd"], ["--decimal", "dot"], ["--currency", "money"], ["--map", "x"],
     ["--map", "customer=colour"], ["--amount-tolerance", "lots"], ["--from", "yesterday"],
     ["--weights", "nowhere.json"], ["--deals", "nowhere.csv"]],
)  # fmt: skip
def test_wrong_flags_are_wrong_use(tmp_path: Path, capsys: Capture, flags: list[str]) -> None:
    assert leakage(tmp_path, DEALS, ORDERS, *flags) == 2
    assert "bug" not in capsys.readouterr().err


def test_a_few_bad_rows_are_left_out_and_named(tmp_path: Path, capsys: Capture) -> None:
    deals = DEALS + "D2,Acme,,EUR,2026-03-02\nD3,Acme,5,EUR,2026-03-02\nD4,Acme,6,EUR,2026-03-02\n"
    assert leakage(tmp_path, deals, ORDERS, "--json") == 3
    found = json.loads(capsys.readouterr().out)
    assert found["skipped"] == [{"file": "deals.csv", "line": 3, "why": "no amount"}]


def test_a_period_bounds_what_is_reported(tmp_path: Path, capsys: Capture) -> None:
    deals = DEALS + "D2,Acme,70,EUR,2025-12-31\n"
    assert leakage(tmp_path, deals, ORDERS, "--from", "2026-01-01", "--to", "2026-12-31") == 0
    assert "1 won deal" in capsys.readouterr().out


HOSTILE = {
    "empty": b"",
    "header only": b"id,name\n",
    "nul": b"id,name\n1,A\x00cme\n\x002,B\n",
    "utf-16": "id;name\n1;Größe\n".encode("utf-16"),
    "cp1252": "id;name\n1;Größe\n".encode("cp1252"),
    "ten kilobytes": b"id,name\n1," + b"x" * 10_240 + b"\n",
    "open quote": b'id,name\n1,"Acme\n2,B\n',
    "doubled headers": b"id,name,Name,name\n1,A,B,C\n",
    "short and long rows": b"id,name,city\n1\n2,B,C,D,E\n",
    "right to left": "id,name\n1,שלום\n2,\u202eevil\n".encode(),
    "binary": bytes(range(256)) * 20,
    "no header at all": b",,,\n,,,\n",
    "one id for all": b"id,name\n" + b"1,Acme\n" * 50,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("command", [["assess", "--files"], ["match", "files"]])
def test_no_file_ends_in_a_traceback(
    tmp_path: Path, capsys: Capture, content: bytes, command: list[str]
) -> None:
    left, right, out = tmp_path / "l.csv", tmp_path / "r.csv", tmp_path / "out"
    left.write_bytes(content)
    right.write_bytes(b"id,name\nE1,Acme\n")
    assert run([*command, str(left), str(right), "--out", str(out)]) in (0, 2, 3)
    error = capsys.readouterr().err
    assert "bug in Interlock" not in error
    assert "Traceback" not in error


def test_two_lists_are_needed(capsys: Capture) -> None:
    assert run(["assess", "--files", "one.csv"]) == 2
    assert "two lists are needed" in capsys.readouterr().err


def test_match_files_knows_the_headers_of_exports(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "scored.csv"
    run(["match", "files", str(EXPORTS / "hubspot-companies.csv"),
         str(EXPORTS / "quickbooks-customers.csv"), "--out", str(out), "--json"])  # fmt: skip
    assert json.loads(capsys.readouterr().out)["link"] >= 4
    assert ("9100000001", "Aldermoor Bakery") in {(r["left_id"], r["right_id"]) for r in rows(out)}
