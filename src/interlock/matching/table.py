"""A list of companies as columns: what each record is known by, normalised once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from sys import intern

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock.matching.normalise import (
    fold_column,
    postcode_key,
    split_name,
    split_site,
    split_street,
    tax_form,
    words_of,
)

__all__ = ["WORDS", "Company", "Hashes", "Table", "Texts", "tabulate"]

Hashes = NDArray[np.int64]
"""Keys by hash, 0 where there is none; comparable within one process only."""

Texts = NDArray[np.object_]

WORDS = 8
"""Words of a name that are looked at."""
NUMBERS = 4
_CHUNK = 50_000
_DIGIT = re.compile(r"\d")


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """What matching looks at in a customer's record; any field may be missing."""

    id: str
    name: str = ""
    website: str = ""
    street: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""
    phone: str = ""
    tax_id: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Normalised columns of equal length; ``words`` and ``numbers`` are padded with 0."""

    ids: Texts
    names: Texts
    streets: Texts
    cities: Texts
    taxes: Texts
    name: Hashes
    start: Hashes
    form: Hashes
    digits: Hashes
    words: Hashes
    street: Hashes
    numbers: Hashes
    city: Hashes
    postcode: Hashes
    area: Hashes
    country: Hashes
    phone: Hashes
    domain: Hashes
    label: Hashes
    page: Hashes
    tax: Hashes

    def __len__(self) -> int:
        """Give the number of records."""
        return len(self.ids)

    @classmethod
    def joined(cls, parts: Sequence[Table]) -> Table:
        """One table of the records of several, in their order."""
        return cls(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            }
        )

    def chosen(self, rows: Sequence[int]) -> Table:
        """These records only, in this order."""
        at = np.array(rows, dtype=np.int64)
        return Table(**{field.name: getattr(self, field.name)[at] for field in fields(self)})


def tabulate(companies: Iterable[Company]) -> Table:
    """Normalise a list; read in pieces, so that the raw values need not fit in memory."""
    parts, piece = [], []
    for company in companies:
        piece.append(company)
        if len(piece) == _CHUNK:
            parts.append(_tabulate(piece))
            piece = []
    if piece or not parts:
        parts.append(_tabulate(piece))
    return parts[0] if len(parts) == 1 else Table.joined(parts)


def _tabulate(companies: Sequence[Company]) -> Table:
    named = [split_name(text) for text in fold_column([c.name for c in companies])]
    names = [core for core, _ in named]
    streets = [split_street(text) for text in fold_column([c.street for c in companies])]
    cities = fold_column([c.city for c in companies])
    sites = [split_site(c.website) for c in companies]
    countries = [c.country.strip().upper()[:40] for c in companies]
    postcodes = [
        _postcode(c.postcode, country) for c, country in zip(companies, countries, strict=True)
    ]
    taxes = [
        tax_form(c.tax_id, country) if c.tax_id else ""
        for c, country in zip(companies, countries, strict=True)
    ]
    return Table(
        ids=_texts([c.id for c in companies]),
        names=_texts(names),
        streets=_texts([words for words, _ in streets]),
        cities=_texts([intern(city) for city in cities]),
        taxes=_texts(taxes),
        name=_hashes([name.replace(" ", "") for name in names]),
        start=_hashes([name.replace(" ", "")[:6] if len(name) > 7 else "" for name in names]),
        form=_hashes([form for _, form in named]),
        digits=_hashes([_digits(name) for name in names]),
        words=_padded([words_of(name) for name in names], WORDS),
        street=_hashes([words for words, _ in streets]),
        numbers=_padded([numbers for _, numbers in streets], NUMBERS),
        city=_hashes(cities),
        postcode=_hashes(postcodes),
        area=_hashes([p[:3] for p in postcodes]),
        country=_hashes(countries),
        phone=_hashes([_phone(c.phone) for c in companies]),
        domain=_hashes([domain for domain, _ in sites]),
        label=_hashes([domain.partition(".")[0] for domain, _ in sites]),
        page=_hashes([f"{domain}/{page}" if page else "" for domain, page in sites]),
        tax=_hashes(taxes),
    )


def _digits(name: str) -> str:
    """The numbers in a name: "Store 12" is not "Store 14"."""
    if not _DIGIT.search(name):
        return ""
    return " ".join(sorted(word for word in name.split() if word.isdigit()))


def _phone(phone: str) -> str:
    # country codes and trunk zeros stand in front; national numbers have eight digits and more
    digits = "".join(filter(str.isdecimal, phone[:40]))
    return digits[-8:] if len(digits) >= 6 else ""


def _postcode(postcode: str, country: str) -> str:
    key = postcode_key(postcode[:20])
    # the last four digits of a ZIP+4 name a mail route within the code
    return key[:5] if country == "US" and len(key) == 9 else key


def _texts(values: Sequence[str]) -> Texts:
    texts = np.empty(len(values), dtype=object)
    texts[:] = values
    return texts


def _hashes(texts: Sequence[str]) -> Hashes:
    return np.fromiter((hash(t) if t else 0 for t in texts), dtype=np.int64, count=len(texts))


def _padded(rows: Sequence[Sequence[str]], width: int) -> Hashes:
    padded = np.zeros((len(rows), width), dtype=np.int64)
    counts = np.fromiter((min(len(row), width) for row in rows), dtype=np.int64, count=len(rows))
    flat = np.fromiter(
        (hash(word) for row in rows for word in row[:width]),
        dtype=np.int64,
        count=int(counts.sum()),
    )
    padded[np.arange(width) < counts[:, None]] = flat
    return padded
