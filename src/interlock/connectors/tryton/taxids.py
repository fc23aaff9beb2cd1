"""Tax ids: Tryton's typed identifiers and the model's plain text.

The model's form is the country code and the number without separators: ``BE0428759497``,
``US042103594``.  The country code is that of the number itself, so that of Greece is ``EL``.
Tryton keeps a type and a number (``be_vat`` ``0428759497``, ``eu_vat`` ``BE0428759497``, ``us_ein``
``04-2103594``) and rewrites the number's punctuation, so numbers are read in their compact form.
Punctuation never tells two tax ids apart: ``US04-2103594`` is accepted and equal to the above.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from stdnum import get_cc_module

from interlock.mapping.codecs import CodecError
from interlock.model import FieldFacts, Value

__all__ = ["TaxId", "is_tax_type"]

# Types of Tryton 8.2 that count as tax ids and are not called COUNTRY_vat.
_OTHER_TYPES = MappingProxyType({
    "AZ": "az_voen", "LT": "lt_pvm", "MD": "md_idno", "MZ": "mz_nuit", "SN": "sn_nimea",
    "TH": "th_moa", "UA": "ua_edrpou", "US": "us_ein", "ZA": "za_tin",
})  # fmt: skip
_TAX_TYPES = frozenset({
    *_OTHER_TYPES.values(), "au_acn", "ua_rntrc", "us_atin", "us_itin", "us_ptin", "us_ssn",
    "us_tin",
})  # fmt: skip
_EU = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
})  # fmt: skip
_FACTS = FieldFacts(ignores_punctuation=True, ignores_case=True)


def is_tax_type(kind: str | None) -> bool:
    """Say whether Tryton counts identifiers of this type as tax ids (a French SIREN is none)."""
    return kind is not None and (kind.endswith("_vat") or kind in _TAX_TYPES)


@dataclass(frozen=True, slots=True)
class TaxId:
    """Codec of ``{"type": .., "code_compact": ..}``; ``types``: country code -> type to use."""

    types: Mapping[str, str] = field(default_factory=dict)
    facts: FieldFacts = _FACTS

    def decode(self, raw: Any) -> str | None:
        """Put the country code in front, unless the number has it."""
        if not raw or not raw.get("code_compact"):
            return None
        return _joined(str(raw["type"]), str(raw["code_compact"]))

    def encode(self, value: Value | None) -> Any:
        """Find the type under which the number is valid."""
        if value is None:
            return None
        text = "".join(c for c in str(value) if c.isalnum()).upper()
        country = text[:2]
        if len(text) < 4 or not country.isalpha():
            raise CodecError(
                "the tax id does not begin with a country code",
                fix="write it with the country code in front, such as US04-2103594",
            )
        for kind in self._candidates(country):
            for number in (text[2:], text):
                compact = _compact(kind, number)
                if compact is not None and _joined(kind, compact) == text:
                    return {"type": kind, "code_compact": compact}
        raise CodecError(
            f"the tax id is not a valid one of {country}",
            fix="correct the number, or name the identifier type for "
            f"{country} in the setting tax_types",
        )

    def _candidates(self, country: str) -> Iterator[str]:
        if country in self.types:
            yield self.types[country]
        elif country in _EU:
            yield "eu_vat"
        else:
            yield _OTHER_TYPES.get(country, f"{country.lower()}_vat")


def _joined(kind: str, compact: str) -> str:
    compact = compact.upper()
    country = kind.partition("_")[0].upper()
    # Swiss numbers begin with CHE, European ones with the country's code
    return compact if kind in ("eu_vat", "ch_vat") else country + compact


def _compact(kind: str, number: str) -> str | None:
    """Give the compact form Tryton will keep; ``None`` when the number is not valid."""
    country, _, name = kind.partition("_")
    module = get_cc_module(country, name)
    if module is None or not module.is_valid(number):
        return None
    compact: str = module.compact(number)
    return compact
