"""What an account shows that is several customers in the ERP."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from interlock.model import Fields, Money
from interlock.processes.hold_rules import Members
from interlock.processes.members import hold_beside, rolled_up
from interlock.store.signals import Shown


def customer(number: str, signals: Fields | None = None, **fields: object) -> Shown:
    return Shown(id=number, link_id=1, fields=fields, signals=signals, signals_at=None)  # type: ignore[arg-type]


def euro(amount: str, currency: str = "EUR") -> Money:
    return Money(Decimal(amount), currency)


def test_amounts_are_added_up_and_days_are_the_worst() -> None:
    whole, problems = rolled_up(
        customer(
            "1", name="Acme", balance=euro("7.00"), overdue=euro("0.00"),
            oldest_due_on=date(2026, 3, 1), days_overdue=Decimal(0),
        ),
        [
            customer(
                "2", name="Acme, Lyon", balance=euro("40.00"), overdue=euro("40.00"),
                oldest_due_on=date(2026, 2, 1), days_overdue=Decimal(28),
            )
        ],
        Members.ANY,
    )  # fmt: skip
    assert problems == []
    assert whole.id == "1"
    assert whole.fields == {
        "name": "Acme", "balance": euro("47.00"), "overdue": euro("40.00"),
        "oldest_due_on": date(2026, 2, 1), "days_overdue": Decimal(28),
    }  # fmt: skip


def test_several_currencies_are_never_added_up() -> None:
    whole, problems = rolled_up(
        customer("1", balance=euro("7.00")), [customer("2", balance=euro("7.00", "USD"))],
        Members.ANY,
    )  # fmt: skip
    assert "balance" not in whole.fields
    assert problems == ["the ERP customers of the account have a balance in other currencies"]


def test_a_figure_one_member_does_not_show_is_not_known_of_all() -> None:
    whole, problems = rolled_up(
        customer("1", balance=euro("7.00")), [customer("2", name="Lyon")], Members.ANY
    )
    assert "balance" not in whole.fields
    assert problems == ["not every ERP customer of the account shows its balance"]


def test_averages_and_scores_of_the_erp_are_nobodys_roll_up() -> None:
    whole, _ = rolled_up(
        customer("1", days_to_pay=Decimal(3), tier="A"),
        [customer("2", days_to_pay=Decimal(9), tier="B")],
        Members.ANY,
    )
    assert whole.fields == {}


@pytest.mark.parametrize(
    ("members", "primary", "other", "held"),
    [
        (Members.ANY, False, True, True),
        (Members.ANY, True, False, True),
        (Members.ANY, False, False, False),
        (Members.PRIMARY, False, True, False),
        (Members.PRIMARY, True, False, True),
    ],
)
def test_whose_hold_counts(members: Members, primary: bool, other: bool, held: bool) -> None:
    whole, _ = rolled_up(
        customer("1", credit_hold=primary), [customer("2", credit_hold=other)], members
    )
    assert whole.fields["credit_hold"] is held


def test_a_hold_that_is_not_known_keeps_all_from_being_off() -> None:
    whole, _ = rolled_up(customer("1", credit_hold=False), [customer("2")], Members.ANY)
    assert "credit_hold" not in whole.fields


class TestBeside:
    def test_the_first_on_hold_is_named(self) -> None:
        others = [customer("2", credit_hold=False), customer("3", credit_hold=True,
                                                             hold_reason="late")]  # fmt: skip
        assert hold_beside(customer("1"), others) == {
            "credit_hold": True, "hold_reason": "ERP customer 3: late",
        }  # fmt: skip

    def test_none_on_hold_says_nothing_for_the_primary(self) -> None:
        assert hold_beside(customer("1"), [customer("2", credit_hold=False)]) == {}

    def test_what_is_not_known_leaves_what_was_made_public(self) -> None:
        before: Fields = {"credit_hold": True, "hold_reason": "ERP customer 2", "tier": "A"}
        assert hold_beside(customer("1", before), [customer("2")]) == {
            "credit_hold": True, "hold_reason": "ERP customer 2",
        }  # fmt: skip
