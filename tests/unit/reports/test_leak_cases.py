"""Cases a finance person wrote down: ``leak_cases.csv``, one deal or order a line."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pytest

from interlock.matching.score import default_weights
from interlock.matching.table import Company
from interlock.reports.kinship import Customers, kin
from interlock.reports.leakage import Leakage, Tolerances, find_leaks
from interlock.reports.records import DealRecord, OrderRecord

Row = dict[str, str]

FILE = Path(__file__).with_name("leak_cases.csv")
with FILE.open(newline="", encoding="utf-8") as _file:
    CASES = {case: list(rows) for case, rows in groupby(csv.DictReader(_file), lambda r: r["case"])}


def _customers(rows: list[Row], paper: str) -> Customers:
    firms = dict.fromkeys((r["customer"], r["vat id"]) for r in rows if r["paper"] == paper)
    return Customers([
        Company(id=f"{paper} {number}", name=name, tax_id=vat, country=vat[:2])
        for number, (name, vat) in enumerate(firms)
    ])  # fmt: skip


def _report(rows: list[Row]) -> Leakage:
    deals = [
        DealRecord(id=r["number"], name="", customer_id="", customer=r["customer"],
                   amount=Decimal(r["amount"]), currency=r["currency"],
                   won_on=date.fromisoformat(r["date"]))
        for r in rows if r["paper"] == "deal"
    ]  # fmt: skip
    orders = [
        OrderRecord(number=r["number"], customer_id="", customer=r["customer"],
                    amount=Decimal(r["amount"]), currency=r["currency"],
                    ordered_on=date.fromisoformat(r["date"]),
                    cancelled=r["state"] == "cancelled", deal=r["names"])
        for r in rows if r["paper"] == "order"
    ]  # fmt: skip
    ours, theirs = _customers(rows, "deal"), _customers(rows, "order")
    keys = (
        [ours.key_of("", d.customer) for d in deals],
        [theirs.key_of("", o.customer) for o in orders],
    )
    ties = kin(ours.companies, theirs.companies, default_weights())
    return find_leaks(deals, orders, keys, ties, Tolerances())


@pytest.mark.parametrize("case", CASES)
def test_the_case_ends_as_written(case: str) -> None:
    rows = CASES[case]
    report = _report(rows)
    found = {f.deal: (f.cause.value, f.leaking) for f in report.findings}
    for row in rows:
        if row["paper"] == "deal":
            got = found.get(row["number"], ("ordered", Decimal(0)))
            assert got == (row["expected"], Decimal(row["leaking"])), row["what happened"]


def test_every_line_says_what_is_expected() -> None:
    assert len(CASES) >= 25
    for rows in CASES.values():
        assert all(bool(r["expected"]) == (r["paper"] == "deal") for r in rows)
