"""The health score and the tier of a customer, each point explained.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from interlock.governance.signals import HealthRules, SignalRules, Tier
from interlock.model import Fields, Money, Value

__all__ = ["health_of", "tier_of"]


def health_of(
    fields: Fields, rules: HealthRules, *, disputed: bool, hold: Value | None
) -> tuple[Decimal, str] | None:
    """Score and reasons; ``None`` where it is not known whether anything is overdue."""
    days, change = fields.get("days_overdue"), fields.get("revenue_change")
    if not isinstance(days, Decimal):
        return None
    taken: list[tuple[int, str]] = []
    steps = [s for s in rules.overdue if days >= s.from_days]
    if steps:
        late = "1 day" if days == 1 else f"{days} days"
        taken.append((max(s.points for s in steps), f"overdue since {late}"))
    if hold is True:
        taken.append((rules.hold, "on credit hold"))
    if disputed:
        taken.append((rules.dispute, "an invoice is disputed"))
    if isinstance(change, Decimal):
        fell = [s for s in rules.falling_revenue if -change >= s.by_percent]
        if fell:
            why = f"revenue fell by {-change} % in twelve months"
            taken.append((max(s.points for s in fell), why))
    taken = [(points, why) for points, why in taken if points]
    score = max(0, 100 - sum(points for points, _ in taken))
    reasons = "; ".join(f"-{points} {why}" for points, why in taken)
    return Decimal(score), reasons or "nothing to complain of"


def tier_of(fields: Fields, rules: SignalRules) -> tuple[str | None] | None:
    """Give the first tier that fits, ``(None,)`` if none does; ``None`` when it is not known."""
    for tier in rules.tiers:
        fits = [_reaches(fields, name, least) for name, least in _conditions(tier).items()]
        if all(fits):
            return (tier.name,)
        if None in fits and False not in fits:
            return None
    return (None,)


def _conditions(tier: Tier) -> Mapping[str, Decimal]:
    stated = {
        "revenue_12m": tier.revenue_12m,
        "lifetime_revenue": tier.lifetime_revenue,
        "health_score": tier.health_score,
    }
    return {name: least for name, least in stated.items() if least is not None}


def _reaches(fields: Fields, name: str, least: Decimal) -> bool | None:
    value = fields.get(name)
    if isinstance(value, Money):
        return value.amount >= least
    return value >= least if isinstance(value, Decimal) else None
