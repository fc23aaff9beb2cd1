"""Currencies: how many decimals an amount in each of them has (ISO 4217)."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

__all__ = ["in_coins", "minor_unit", "round_money"]

# ISO 4217, list one, of which all others have two
_NONE = frozenset({
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"),
    *("VUV", "XAF", "XOF", "XPF"),
})  # fmt: skip
_THREE = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
_FOUR = frozenset(("CLF", "UYW"))


def minor_unit(currency: str | None) -> Decimal:
    """The smallest amount of a currency: 0.01, 1 for the yen, 0.001 for the Kuwaiti dinar."""
    if currency in _NONE:
        return Decimal(1)
    if currency in _THREE:
        return Decimal("0.001")
    return Decimal("0.0001") if currency in _FOUR else Decimal("0.01")


def round_money(amount: Decimal, currency: str | None, *, half_even: bool = False) -> Decimal:
    """Round to the currency's smallest amount; half up, as invoices are, unless told otherwise."""
    return amount.quantize(minor_unit(currency), ROUND_HALF_EVEN if half_even else ROUND_HALF_UP)


def in_coins(cents: Decimal, currency: str | None) -> Decimal:
    """Bring a tolerance given in cents to a currency with finer coins: 0.01 is 0.001 KWD."""
    return min(cents, cents * minor_unit(currency) / Decimal("0.01"))
