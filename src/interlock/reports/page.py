"""Pages: findings as one HTML file that needs nothing else, and works without colour or script."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["money", "render"]


def money(amount: Decimal, currency: str = "") -> str:
    """Show an amount with two decimals, and its currency."""
    return f"{amount:,.2f} {currency}".strip()


def _share(part: int, whole: int) -> str:
    """A share in per cent; what is not all is never shown as 100, what is not none never as 0."""
    if not whole:
        return "none"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "<1 %"
    return f"{99 if 99 < percent < 100 else round(percent)} %"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("interlock.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": lambda number: f"{number:,}", "money": money}
    environment.globals |= {"share": _share}
    return environment


def render(template: str, values: Mapping[str, object]) -> str:
    """Fill a template of this package; every value is escaped."""
    return _environment().get_template(template).render(values)
