"""Compiles ``rules.yaml``: every mistake named with its line."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from interlock.governance.document import Document, Place
from interlock.governance.signals import (
    Falling,
    HealthRules,
    Late,
    SignalRules,
    StockRules,
    Thresholds,
    Tier,
)

__all__ = ["RULES_VERSION", "compile_signal_rules"]

RULES_VERSION = 1

_PARTS = ("schema_version", "company", "rates", "signals", "health", "tiers", "stock",
          "order_targets")  # fmt: skip
_DEFAULTS = SignalRules()


def compile_signal_rules(document: Document) -> SignalRules:
    """Compile the parsed file; raises one ``ConfigurationError`` with all that is wrong."""
    data = document.mapping((), document.data, "the rules file")
    document.only((), data, _PARTS, "part of the rules")
    company = _part(document, data, "company", ("currency", "time_zone"))
    rates = document.mapping(("rates",), data.get("rates") or {}, "rates")
    signals = _part(document, data, "signals", ("overdue_bands",))
    currency = _currency(document, ("company", "currency"), company.get("currency") or "")
    worth = {
        _currency(document, ("rates", name), name): _number(document, ("rates", name), value, 0)
        for name, value in rates.items()
        if name != "source"
    }
    if worth and not rates.get("source"):
        document.refuse(("rates",), "rates without a source",
                        "name whose rates these are: `source: ECB, 2 March`")  # fmt: skip
    if worth and not currency:
        document.refuse(("rates",), "rates into which currency?",
                        "state `company: {currency: EUR}`")  # fmt: skip
    rules = SignalRules(
        currency=currency,
        time_zone=_zone(document, company.get("time_zone", _DEFAULTS.time_zone)),
        source=str(rates.get("source") or ""),
        rates=worth,
        overdue_bands=_steps(document, ("signals", "overdue_bands"),
                             signals.get("overdue_bands", list(_DEFAULTS.overdue_bands))),
        health=_health(document, data),
        tiers=_tiers(document, data.get("tiers") or []),
        stock=_stock(document, data),
    )  # fmt: skip
    document.finish()
    return rules


def _part(
    document: Document, data: Mapping[str, Any], name: str, known: tuple[str, ...]
) -> Mapping[str, Any]:
    part = document.mapping((name,), data.get(name) or {}, name)
    document.only((name,), part, known, f"part of {name}")
    return part


def _health(document: Document, data: Mapping[str, Any]) -> HealthRules:
    default = HealthRules()
    known = ("overdue", "hold", "dispute", "falling_revenue", "bands")
    part = _part(document, data, "health", known)
    place = ("health",)
    overdue = part.get("overdue")
    falling = part.get("falling_revenue")
    return HealthRules(
        overdue=default.overdue if overdue is None else [
            Late(int(at), points)
            for at, points in _pairs(
                document, (*place, "overdue"), overdue, "from_days", whole=True)
        ],
        hold=_points(document, (*place, "hold"), part.get("hold", default.hold)),
        dispute=_points(document, (*place, "dispute"), part.get("dispute", default.dispute)),
        falling_revenue=default.falling_revenue if falling is None else [
            Falling(at, points)
            for at, points in _pairs(document, (*place, "falling_revenue"), falling, "by_percent")
        ],
        bands=_steps(document, (*place, "bands"), part.get("bands", list(default.bands))),
    )  # fmt: skip


def _pairs(
    document: Document, place: Place, value: Any, key: str, *, whole: bool = False
) -> list[tuple[Decimal, int]]:
    """Read steps such as ``{from_days: 31, points: 30}``."""
    found = []
    for number, step in enumerate(_list(document, place, value)):
        where = (*place, number)
        step = document.mapping(where, step, str(place[-1]))  # noqa: PLW2901
        document.only(where, step, (key, "points"), "part of a step")
        at = _number(document, (*where, key), step.get(key), 0, whole=whole)
        found.append((at, _points(document, (*where, "points"), step.get("points"))))
    return found


def _tiers(document: Document, value: Any) -> list[Tier]:
    found = []
    known = ("revenue_12m", "lifetime_revenue", "health_score")
    for number, tier in enumerate(_list(document, ("tiers",), value)):
        place = ("tiers", number)
        tier = document.mapping(place, tier, "a tier")  # noqa: PLW2901
        document.only(place, tier, ("tier", *known), "part of a tier")
        name = tier.get("tier")
        if not isinstance(name, str) or not name:
            document.refuse(place, "a tier needs a name", "write `tier: A`")
            continue
        least = {k: _number(document, (*place, k), tier[k]) for k in known if k in tier}
        if not least and number < len(value) - 1:
            document.refuse(place, f"tier {name} fits everyone, so those after it fit nobody",
                            "put it last, or say what it takes")  # fmt: skip
        found.append(Tier(name=name, **least))
    return found


def _stock(document: Document, data: Mapping[str, Any]) -> StockRules:
    part = _part(document, data, "stock", ("low", "out", "families", "products"))
    place: Place = ("stock",)
    everywhere = _thresholds(document, place, part, Thresholds())
    named: dict[str, dict[str, Thresholds]] = {}
    for group in ("families", "products"):
        where = (*place, group)
        stated = document.mapping(where, part.get(group) or {}, group)
        named[group] = {}
        for name, limits in stated.items():
            limits = document.mapping((*where, name), limits, str(name))  # noqa: PLW2901
            document.only((*where, name), limits, ("low", "out"), "threshold")
            named[group][str(name)] = _thresholds(document, (*where, name), limits, everywhere)
    return StockRules(everywhere=everywhere, families=named["families"], products=named["products"])


def _thresholds(
    document: Document, place: Place, part: Mapping[str, Any], default: Thresholds
) -> Thresholds:
    low, out = (
        _number(document, (*place, name), part[name], None) if name in part else fallback
        for name, fallback in (("low", default.low), ("out", default.out))
    )
    if out > low and "low" in part:
        document.refuse((*place, "low"), f"out ({out}) lies above low ({low})",
                        "a product is low before it is out")  # fmt: skip
    return Thresholds(max(low, out), out)


def _list(document: Document, place: Place, value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    document.refuse(place, f"{place[-1]} must be a list of `- ...` lines")
    return []


def _steps(document: Document, place: Place, value: Any) -> list[int]:
    steps = _list(document, place, value)
    if any(type(s) is not int or s < 0 for s in steps) or steps != sorted(set(steps)):
        document.refuse(place, f"{place[-1]} must be whole numbers that rise", "such as [1, 31]")
        return []
    return steps


def _points(document: Document, place: Place, value: Any) -> int:
    if type(value) is int and 0 <= value <= 100:
        return value
    document.refuse(place, f"{place[-1]} must be a whole number of points from 0 to 100")
    return 0


def _number(
    document: Document,
    place: Place,
    value: Any,
    above: int | None = None,
    *,
    whole: bool = False,
) -> Decimal:
    try:
        if value is None or isinstance(value, bool):
            raise InvalidOperation
        number = Decimal(str(value))
        if not number.is_finite() or (above is not None and number <= above):
            raise InvalidOperation
        if whole and number != number.to_integral_value():
            raise InvalidOperation
    except InvalidOperation:
        kind = "a whole number" if whole else "a number"
        least = "" if above is None else f" above {above}"
        document.refuse(place, f"{place[-1]} must be {kind}{least}")
        return Decimal(1)
    return number


def _currency(document: Document, place: Place, value: Any) -> str:
    fits = isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper()
    if fits or value == "":
        return str(value)
    document.refuse(place, f"{value!r} is no currency", "write its ISO 4217 code, such as EUR")
    return ""


def _zone(document: Document, value: Any) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        document.refuse(("company", "time_zone"), f"there is no time zone {value!r}",
                        "write a name such as Europe/Berlin")  # fmt: skip
        return "UTC"
    return str(value)
