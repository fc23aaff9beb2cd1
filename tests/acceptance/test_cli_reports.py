"""Every report as terminal text, JSON, CSV, Parquet and a page, as a user asks for it."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from .shop import Shop, ran

REPORTS = {
    "leakage": ["deal_id", "deal", "customer", "won_on", "amount", "currency", "leaking", "cause",
                "orders", "explanation", "line", "standing", "score"],
    "revenue": ["currency", "customer", "won", "ordered", "not_ordered", "invoiced",
                "not_invoiced", "billed", "collected", "not_collected"],
    "ownership": ["entity", "field", "owner", "rule"],
    "drift": ["entity", "field", "cause", "count"],
}  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A company with an ordered deal, one that leaks, and one difference."""
    shop = Shop.founded(tmp_path_factory.mktemp("shop"))
    line = {"Id": "L1", "ProductCode": "SKU-1", "Quantity": "2", "UnitPrice": "5.00",
            "Product2Id": None, "Description": None}  # fmt: skip
    with shop.crm() as crm, shop.erp() as erp:
        acme = crm.add("customer", {"Name": "Acme <b>", "VatNumber": "DE136695976"})
        erp.add("customer", {"name": "Acme <b>", "vat_no": "DE136695976"})
        erp.add("product", {"sku": "SKU-1", "title": "Thing"})
        for name, sku in (("Ordered", "SKU-1"), ("Leaks", "SKU-9")):
            crm.add("deal", {
                "Name": name, "AccountId": acme, "StageName": "Closed Won", "Lines":
                [{**line, "ProductCode": sku}], "Amount": {"Amount": "10.00", "CurrencyIsoCode":
                "EUR"},
            })  # fmt: skip
    shop.go()
    shop.do("sync", "--once")
    with shop.erp() as erp:
        [partner] = erp.all("customer")
        erp.edit("customer", partner, {"tel": "+49 30 1234567"})
    shop.do("drift", "run")
    return shop


@pytest.fixture
def shop(template: Shop, tmp_path: Path) -> Shop:
    return template.copied(tmp_path / "shop")


def arguments(name: str) -> list[str]:
    return ["report", name, *(["--by", "customer"] if name == "revenue" else [])]


class Page(HTMLParser):
    """What a page asks for, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asked: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_each_report_in_all_forms(shop: Shop, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    for name, columns in REPORTS.items():
        files = {kind: tmp_path / f"it's {name}.{kind}" for kind in ("csv", "parquet", "html")}
        result = shop.do(*arguments(name), "--csv", files["csv"], "--parquet", files["parquet"],
                         "--out", files["html"])  # fmt: skip
        assert result.code in (0, 3), (name, result)
        with files["csv"].open(newline="") as file:
            header, *rows = csv.reader(file)
        assert header == columns
        assert rows, name
        with duckdb.connect() as memory:
            read = memory.read_parquet(str(files["parquet"]))
            assert read.columns == columns
            assert len(read.fetchall()) == len(rows)
        page = Page(files["html"].read_text(encoding="utf-8"))
        assert page.asked == [], name
        assert "script" not in page.tags
        assert "svg" in page.tags, f"{name} has no chart"
        assert "b" not in page.tags, "names from systems are escaped"
        assert str(files["csv"]) in result.out


def test_each_report_as_one_json_document(shop: Shop) -> None:
    found = {name: shop.do(*arguments(name), "--json").json for name in REPORTS}
    leakage = found["leakage"]["leakage"]
    assert (leakage["deals"], leakage["linked"]) == (2, 1)
    [leak] = leakage["findings"]
    assert (leak["name"], leak["leaking"], leak["cause"]) == (
        "Leaks", "10.00", "its order could not be made",
    )  # fmt: skip
    [row] = found["revenue"]["rows"]
    assert (row["customer"], row["currency"]) == ("Acme <b>", "EUR")
    assert (row["sums"]["won"], row["sums"]["ordered"]) == ("20.00", "10.00")
    assert row["sums"]["not_ordered"] == "10.00"
    owners = {(f["entity"], f["field"]): f["owner"] for f in found["ownership"]["fields"]}
    assert owners["customer", "website"] == "crm"
    assert owners["customer", "email"] == "shared"
    assert "margin" in found["ownership"]["never"]["erp"]
    assert found["drift"]["total"] >= 1


def test_leakage_of_the_project_ends_as_a_person_is_needed(shop: Shop) -> None:
    result = shop.do("report", "leakage", "--out", shop.root / "leaks.html")
    assert result.code == 3
    assert "2 won deals, 1 with their order, 1 to look at" in result.flat
    assert "leaking EUR 10.00 of 20.00 won" in result.flat
    later = shop.do("report", "leakage", "--from", "2999-01-01", "--out", shop.root / "x.html")
    assert later.code == 0


def test_what_is_asked_wrongly_is_said(shop: Shop, tmp_path: Path) -> None:
    for wrong, said in (
        (["report", "leakage", "--deals", "x.csv"], "two files are needed"),
        (["report", "revenue", "--by", "weather"], "is no group"),
        (["report", "revenue", "--period", "week"], "is no length"),
        (["report", "revenue", "--from", "soon"], "is no date"),
        (["report", "ownership", "--csv", tmp_path / "no/such/folder.csv"], "cannot write"),
        (["report", "ownership", "--out", tmp_path / "no/such/page.html"], "cannot write"),
        (["report", "ownership", "--parquet", tmp_path / "no/such/x.parquet"], "cannot be written"),
    ):
        result = shop.do(*wrong)
        assert result.code == 2, wrong
        assert said in result.flat
    empty = ran("report", "revenue", "--project", tmp_path)
    assert (empty.code, "there is no project" in empty.flat) == (2, True)


def test_parquet_without_its_library_names_the_extra(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    result = shop.do("report", "ownership", "--parquet", "x.parquet", "--json")
    assert result.code == 2
    assert "interlock[parquet]" in json.dumps(result.json)


def test_a_report_before_the_first_look_says_what_to_do(tmp_path: Path) -> None:
    fresh = Shop.founded(tmp_path / "fresh")
    for name in ("leakage", "revenue"):
        result = fresh.do("report", name)
        assert result.code == 2
        assert "interlock plan" in result.flat
    shutil.rmtree(fresh.root)
