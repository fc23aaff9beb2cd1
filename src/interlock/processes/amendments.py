"""Amendments: how a deal and its order came apart after the order was made (rule 25).  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from interlock.model import FieldFacts, Fields, Line, Money, OrderStatus, StageKind, Value, agree

__all__ = ["AfterWon", "Amendment", "Kind", "Policy", "of_deal", "of_order"]


class Policy(StrEnum):
    """What is done about an amendment.

    ``AMEND_IF_OPEN``: the order follows the deal while the ERP leaves it open and nobody touched
    it there, else it is flagged.  ``FLAG``: a person is asked once.  ``IGNORE``: the order stays.
    """

    AMEND_IF_OPEN = "amend_if_open"
    FLAG = "flag"
    IGNORE = "ignore"


class Kind(StrEnum):
    """In which way they came apart."""

    DEAL_CHANGED = "deal_changed"
    DEAL_LOST = "deal_lost"
    DEAL_REOPENED = "deal_reopened"
    ORDER_CHANGED = "order_changed"
    ORDER_CANCELLED = "order_cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterWon:
    """The policy for each kind."""

    deal_changed: Policy = Policy.FLAG
    deal_lost: Policy = Policy.FLAG
    deal_reopened: Policy = Policy.FLAG
    order_changed: Policy = Policy.FLAG
    order_cancelled: Policy = Policy.FLAG

    def of(self, kind: Kind) -> Policy:
        """Look a kind's policy up."""
        policy = getattr(self, kind.value)
        assert isinstance(policy, Policy)
        return policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """One way in which they came apart, with both versions in words."""

    kind: Kind
    what: str


def of_deal(sold: Fields, shown: Fields) -> Amendment | None:
    """Compare what was sold with what the deal shows; what it does not show is unchanged."""
    match shown.get("stage_kind", StageKind.WON):
        case StageKind.WON:
            pass
        case StageKind.LOST:
            return Amendment(kind=Kind.DEAL_LOST, what="the deal was lost")
        case _:
            return Amendment(kind=Kind.DEAL_REOPENED, what="the deal was reopened")
    parts = [
        part
        for field, before in sold.items()
        if field in shown and not agree(before, shown[field])
        for part in _in_words(field, before, shown[field])
    ]
    if not parts:
        return None
    return Amendment(kind=Kind.DEAL_CHANGED, what="the deal changed: " + "; ".join(parts))


def of_order(
    made: Fields,
    net_total: Decimal,
    shown: Fields,
    facts: Mapping[str, FieldFacts],
    tolerance: Decimal,
    *,
    called: str = "order",
) -> Amendment | None:
    """Compare the order as it was made with what the ERP shows.

    ``net_total`` and ``tolerance`` are in the order's currency.  ``called``: what it is there.
    """
    if shown.get("status") == OrderStatus.CANCELLED:
        return Amendment(kind=Kind.ORDER_CANCELLED, what=f"the {called} was cancelled in the ERP")
    parts = []
    if "currency" in made and "currency" in shown and made["currency"] != shown["currency"]:
        parts.append(f"currency {made['currency']} → {shown['currency']}")
    lines, now = made.get("lines"), shown.get("lines")
    if isinstance(lines, tuple) and isinstance(now, tuple):
        parts += _lines_in_words(lines, now, facts.get("lines", FieldFacts()))
    total = shown.get("net_total")
    if isinstance(total, Decimal) and abs(total - net_total) > tolerance:
        parts.append(f"net total {net_total} → {total}")
    if not parts:
        return None
    what = f"the {called} was changed in the ERP: " + "; ".join(parts)
    return Amendment(kind=Kind.ORDER_CHANGED, what=what)


_CENT = Decimal("0.01")
_LABELS = {"amount": "amount", "customer": "customer", "po_number": "PO number"}


def _in_words(field: str, before: Value | None, now: Value | None) -> Iterator[str]:
    if field == "lines":
        facts = FieldFacts()
        was, is_now = (v if isinstance(v, tuple) else () for v in (before, now))
        told = list(_lines_in_words(was, is_now, facts))
        yield from told or ["other lines"]
    elif field == "customer":
        yield "another customer"
    else:
        yield f"{_LABELS.get(field, field)} {_plain(before)} → {_plain(now)}"


def _plain(value: Value | None) -> str:
    if isinstance(value, Money):
        return f"{value.amount} {value.currency}"
    return "blank" if value is None else str(value)


def _lines_in_words(
    before: tuple[Line, ...], now: tuple[Line, ...], facts: FieldFacts
) -> Iterator[str]:
    """Compare by key; where the keys did not come back, nothing can be said line by line."""
    was, is_now = ({line.key: line for line in lines} for lines in (before, now))
    if was and is_now and not was.keys() & is_now.keys():
        return
    for key in [*was, *(k for k in is_now if k not in was)]:
        old, new = was.get(key), is_now.get(key)
        if old is None:
            assert new is not None
            yield f"{_label(new)} added: {_terms(new)}"
        elif new is None:
            yield f"{_label(old)} removed: {_terms(old)}"
        elif not agree(old.quantity, new.quantity) or not agree(
            old.unit_price, new.unit_price, facts
        ):
            yield f"{_label(old)} {_terms(old)} → {_terms(new)}"
        elif old.product is not None and new.product is not None and old.product != new.product:
            yield f"{_label(old)} → {_label(new)}"


def _label(line: Line) -> str:
    return f"line {line.sku or line.description or line.key}"


def _terms(line: Line) -> str:
    price = line.unit_price.normalize()
    cents = price.quantize(_CENT) if price == price.quantize(_CENT) else price
    return f"{line.quantity.normalize():f} x {cents:f}"
