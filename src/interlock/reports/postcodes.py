"""Forms of postal codes, by country; a country that is not here has a form we do not judge."""

from __future__ import annotations

import re

__all__ = ["WITHOUT", "fits"]

WITHOUT = frozenset(
    {
        *("AE", "AG", "AO", "AW", "BF", "BI", "BJ", "BS", "BW", "BZ", "CD", "CF", "CG", "CI", "CK"),
        *("CM", "DJ", "DM", "ER", "FJ", "GA", "GD", "GH", "GM", "GQ", "GY", "HK", "JM", "KI", "KM"),
        *("KN", "KP", "LC", "ML", "MO", "MR", "MS", "MW", "NR", "NU", "QA", "RW", "SB", "SC", "SL"),
        *("SR", "ST", "SY", "TD", "TF", "TG", "TK", "TL", "TO", "TV", "UG", "VC", "VU", "WS", "YE"),
        "ZW",
    }
)
"""Countries without postal codes, or with so few that their lack means nothing."""

_DIGITS = {
    3: "FO IS LS MG",
    4: "AT AU BE BG CH CY DK GE GL HU LI LU MD MK NO NZ PH SI TN ZA AM AL AR",
    5: "DE ES FR IT FI HR EE TR MX MY TH ID UA RS ME BA MA EG KE SA KR LT GR SE CZ SK VN PK LK JO"
    " KW MC SM VA RE GP MQ GF YT UY CR DO GT CU DZ IQ KZ",
    6: "IN CN RU SG RO BY CO EC VN KZ KG UZ TJ TM MN NG TT",
    7: "JP IL CL",
    8: "BR",
}
_FORMS: dict[str, list[str]] = {}
for _count, _countries in _DIGITS.items():
    for _country in _countries.split():
        _FORMS.setdefault(_country, []).append(rf"\d{{{_count}}}")
_FORMS |= {
    "US": [r"\d{5}(\d{4})?"],
    "PR": [r"\d{5}(\d{4})?"],
    "CA": [r"[ABCEGHJ-NPRSTVXY]\d[A-Z]\d[A-Z]\d"],
    "GB": [r"[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}"],
    "IE": [r"[AC-FHKNPRTV-Y]\d[\dW][\dAC-FHKNPRTV-Y]{4}"],
    "NL": [r"\d{4}[A-Z]{2}"],
    "PL": [r"\d{5}"],
    "PT": [r"\d{4}(\d{3})?"],
    "LV": [r"(LV)?\d{4}"],
    "MT": [r"[A-Z]{3}\d{2,4}"],
    "TW": [r"\d{3}(\d{2,3})?"],
    "AR": [r"[A-Z]?\d{4}([A-Z]{3})?"],
    "AD": [r"(AD)?\d{3}"],
    "BR": [r"\d{8}"],
    "IR": [r"\d{10}"],
}
_PATTERNS = {country: re.compile("|".join(forms)) for country, forms in _FORMS.items()}
_PUNCTUATION = re.compile(r"[\s\-.\u2013]+")


def fits(postcode: str, country: str) -> bool:
    """Tell whether a postal code has its country's form; spaces and dashes do not matter."""
    pattern = _PATTERNS.get(country)
    if pattern is None:
        return True
    bare = _PUNCTUATION.sub("", postcode[:30]).upper()
    # the country in front ("D-50667", "SE-111 22") is an old habit
    for prefix in (country, country[:1]):
        if bare.startswith(prefix) and pattern.fullmatch(bare[len(prefix) :]):
            return True
    return pattern.fullmatch(bare) is not None
