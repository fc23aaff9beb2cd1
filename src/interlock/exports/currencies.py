"""Currencies as people's programs name them: by code, by sign, or by name."""

from __future__ import annotations

import re

__all__ = ["currency_in"]

_LONGEST = 60
_SYMBOLS = {"€": "EUR", "£": "GBP", "$": "", "¥": "", "₹": "INR", "₽": "RUB", "zł": "PLN"}
"""Signs that mean one currency; "$" and "¥" are those of several."""
_DOLLARS = {"US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "NZ$": "NZD"}
_NAMES = {
    "USA": "USD",
    "US DOLLAR": "USD",
    "UNITED STATES DOLLAR": "USD",
    "EURO": "EUR",
    "BRITISH POUND": "GBP",
    "POUND STERLING": "GBP",
    "CANADIAN DOLLAR": "CAD",
    "AUSTRALIAN DOLLAR": "AUD",
    "SWISS FRANC": "CHF",
}
_CURRENCIES = frozenset({
    *("AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN"),
    *("BHD", "BIF", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF"),
    *("CHF", "CLP", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP"),
    *("ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD"),
    *("HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY"),
    *("KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD"),
    *("LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK"),
    *("MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK"),
    *("PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG"),
    *("SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS"),
    *("TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED"),
    *("VES", "VND", "VUV", "WST", "XAF", "XCD", "XOF", "XPF", "YER", "ZAR", "ZMW", "ZWG"),
})  # fmt: skip
_CODE = re.compile(r"(?<![A-Z])[A-Z]{3}(?![A-Z])")


def currency_in(text: str) -> str | None:
    """The currency that an amount or a currency cell names, by ISO 4217; ``None``: it does not."""
    text = text[:_LONGEST].strip()
    upper = text.upper()
    for sign, code in _DOLLARS.items():
        if sign in upper:
            return code
    if upper in _NAMES:
        return _NAMES[upper]
    for word in _CODE.findall(upper):
        if word in _CURRENCIES:
            return str(word)
    return next((code for sign, code in _SYMBOLS.items() if code and sign in text), None)
