"""What a verdict rests on: which changes ask for another one, and which do not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from interlock.governance.pricing import PricingRules, Verdict
from interlock.model import Money, Offer, StockLevel
from interlock.processes.quote_basis import Basis, gist_of, read_basis
from interlock.processes.quote_check import Answer, Credit, Looked

from .test_quote_check import NOW, checked, euro, product

TODAY = NOW.date()


def same(one: Answer, other: Answer) -> bool:
    return gist_of(one, TODAY) == gist_of(other, TODAY)


def test_figures_that_change_nothing_that_is_said_are_no_part_of_it() -> None:
    fine = checked()
    assert same(fine, checked(sold=product(quantity=Decimal(4))))
    assert same(fine, checked(sold=product(offer=Offer(price=euro("99.50"), source="list price"))))
    late = Credit(overdue=euro("12.50"), days_overdue=Decimal(34))
    later = Credit(overdue=euro("99.50"), days_overdue=Decimal(35))
    assert same(checked(credit=late), checked(credit=later))


def test_how_old_the_figures_are_is_no_part_of_it() -> None:
    days = timedelta(days=3)
    old = Looked(live=False, as_of=NOW - days, age=days, old=True, why="the ERP gave no answer")
    assert same(checked(), checked(looked=old))


def test_a_date_that_moves_with_the_calendar_is_no_part_of_it() -> None:
    short = product(quantity=Decimal(0), level=StockLevel.OUT, lead_time=Decimal(5))
    answer = checked(sold=short)
    [line] = answer.lines
    assert line.earliest is not None
    faster = checked(sold=product(quantity=Decimal(0), level=StockLevel.OUT, lead_time=Decimal(4)))
    assert not same(answer, faster)


def test_what_a_person_would_act_upon_is_part_of_it() -> None:
    under = checked("90.00", rules=PricingRules())
    dearer = product(offer=Offer(price=euro("120.00"), source="list price"))
    answers = [
        checked(),
        under,
        checked("90.00", dearer, rules=PricingRules()),
        checked(sold=product(active=False)),
        checked(sold=product(quantity=Decimal(0), level=StockLevel.OUT)),
        checked(credit=Credit(hold=True, hold_reason="no cheques")),
        checked(credit=Credit(hold=True, hold_reason="34 days overdue")),
        checked(credit=Credit(limit=Money(Decimal(1), "EUR"), balance=euro("1.00"))),
    ]
    gists = [gist_of(answer, TODAY) for answer in answers]
    assert len(set(gists)) == len(answers)


def test_a_finding_that_is_to_be_ignored_is_no_part_of_it() -> None:
    rules = PricingRules(verdicts={**PricingRules().verdicts, "below_price": Verdict.OK})
    assert same(checked("90.00", rules=rules), checked("91.00", rules=rules))


def test_a_basis_is_read_as_it_was_kept() -> None:
    basis = Basis(b"gist", ("below_floor", "on_hold"), live=False, settled=False)
    assert read_basis(basis.packed()) == basis
    assert read_basis(None) is None
