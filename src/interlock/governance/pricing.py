"""Rules of pricing: how low a price may go for whom, and what each finding of a check means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

import msgspec

from interlock.model import Money

__all__ = ["DEFAULT_VERDICTS", "BeforeOrder", "PriceRule", "PricingRules", "Verdict"]


class Verdict(StrEnum):
    """What a check says of a quote."""

    OK = "ok"
    WARN = "warn"
    STOP = "stop"

    @property
    def gravity(self) -> int:
        """Higher is worse."""
        return list(Verdict).index(self)


class BeforeOrder(StrEnum):
    """What a check does right before a deal is ordered."""

    BLOCK = "block"
    """An order whose verdict is stop waits for an approver."""
    WARN = "warn"
    """It is shown, and the order is made."""
    PASS = "pass"  # noqa: S105  no password
    """Nothing is checked."""


DEFAULT_VERDICTS: Mapping[str, Verdict] = MappingProxyType(
    {
        "unknown_product": Verdict.STOP,
        "discontinued": Verdict.STOP,
        "below_floor": Verdict.STOP,
        "below_price": Verdict.WARN,
        "no_price": Verdict.WARN,
        "not_in_stock": Verdict.WARN,
        "on_hold": Verdict.STOP,
        "over_limit": Verdict.WARN,
        "overdue": Verdict.WARN,
        "unknown_customer": Verdict.WARN,
        "stale": Verdict.WARN,
    }
)
"""Finding -> what it means where ``pricing.yaml`` says nothing else."""


class PriceRule(msgspec.Struct, frozen=True, kw_only=True):
    """How low a price may go; a condition that is left out always holds.

    ``max_discount``: percent off the ERP's price.  ``floor``: the lowest price of one unit.
    ``valid_until``: the last day.
    """

    name: str
    skus: Sequence[str] = ()
    families: Sequence[str] = ()
    groups: Sequence[str] = ()
    roles: Sequence[str] = ()
    from_quantity: Decimal | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    max_discount: Decimal | None = None
    floor: Money | None = None


class PricingRules(msgspec.Struct, frozen=True, kw_only=True):
    """What ``pricing.yaml`` says; without it floors are the ERP's alone.

    ``rules``: the first that fits a line decides.  ``customer_group``: the customer's field that
    names its group.  ``roles``: role -> CRM users who have it; whoever is not named has
    ``default_role``.  ``approvers``: who may override a verdict; empty: whoever may run commands.
    """

    rules: Sequence[PriceRule] = ()
    customer_group: str = "price_list"
    roles: Mapping[str, Sequence[str]] = {}
    default_role: str = "rep"
    approvers: Sequence[str] = ()
    verdicts: Mapping[str, Verdict] = msgspec.field(default_factory=lambda: DEFAULT_VERDICTS)

    def role_of(self, user: str | None) -> str:
        """Give the role of a CRM user."""
        return next((r for r, users in self.roles.items() if user in users), self.default_role)
