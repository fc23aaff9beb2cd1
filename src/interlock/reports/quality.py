"""Quality of one list of customers: what is filled, what is wrong with tax ids and addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from interlock.matching.normalise import tax_key
from interlock.model.countries import COUNTRIES
from interlock.reports.postcodes import WITHOUT, fits
from interlock.reports.records import CustomerRecord

__all__ = ["FIELDS", "Flaw", "Flawed", "Quality", "inspect"]

FIELDS = (
    "name", "website", "email", "phone", "street", "city", "region", "postcode", "country",
    "tax_id", "currency", "payment_terms",
)  # fmt: skip
"""Fields whose filling is measured."""


class Flaw(StrEnum):
    """What is wrong with a record."""

    NO_NAME = "no name"
    TAX_ID = "invalid tax id"
    NO_ADDRESS = "no address at all"
    NO_COUNTRY = "no country"
    UNKNOWN_COUNTRY = "unknown country"
    NO_POSTCODE = "no postal code"
    POSTCODE = "postal code not of its country's form"
    NO_PLACE = "neither street nor city"


class Flawed(msgspec.Struct, frozen=True, kw_only=True):
    """One flaw of one record; ``value``: what was written."""

    id: str
    name: str
    flaw: Flaw
    value: str


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How good a list is.

    ``filled``: field -> records with a value, of the fields the source can show.  ``tax_ids`` and
    ``unjudged``: how many there are, and how many are of a country whose form is not known.
    """

    records: int
    filled: Mapping[str, int]
    tax_ids: int
    unjudged: int
    flaws: Mapping[str, int]
    flawed: Sequence[Flawed]
    currencies: Mapping[str, int]
    terms: Mapping[str, int]


def inspect(records: Sequence[CustomerRecord], fields: Iterable[str]) -> Quality:
    """Look at every record; ``fields``: what the source can show."""
    shown = set(fields)
    flawed, unjudged = [], 0
    for record in records:
        for flaw, value in _flaws(record, shown):
            flawed.append(
                Flawed(id=record.company.id, name=record.company.name, flaw=flaw, value=value[:80])
            )
        unjudged += _unjudged(record)
    return Quality(
        records=len(records),
        filled={
            field: sum(bool(_value(record, field)) for record in records)
            for field in FIELDS
            if field in shown
        },
        tax_ids=sum(bool(record.company.tax_id) for record in records),
        unjudged=unjudged,
        flaws={
            flaw.value: count for flaw, count in Counter(each.flaw for each in flawed).most_common()
        },
        flawed=flawed,
        currencies=_counted(record.currency for record in records),
        terms=_counted(record.payment_terms for record in records),
    )


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(value.strip()[:80] for value in values if value.strip()).most_common())


def _value(record: CustomerRecord, field: str) -> str:
    if field in {"email", "currency", "payment_terms"}:
        return str(getattr(record, field)).strip()
    if field == "country":
        return record.raw_country.strip()
    return str(getattr(record.company, field)).strip()


def _flaws(record: CustomerRecord, shown: set[str]) -> Iterator[tuple[Flaw, str]]:
    company = record.company
    if not company.name.strip():
        yield Flaw.NO_NAME, ""
    if company.tax_id and not _unjudged(record) and not tax_key(company.tax_id, company.country)[1]:
        yield Flaw.TAX_ID, company.tax_id
    yield from _address_flaws(record, shown)


def _address_flaws(record: CustomerRecord, shown: set[str]) -> Iterator[tuple[Flaw, str]]:
    company = record.company
    parts = (company.street, company.city, company.postcode, record.raw_country)
    if not shown & {"street", "city", "postcode", "country"}:
        return
    if not any(part.strip() for part in parts):
        yield Flaw.NO_ADDRESS, ""
        return
    if not record.raw_country.strip():
        yield Flaw.NO_COUNTRY, ""
    elif company.country not in COUNTRIES and company.country != "XK":
        yield Flaw.UNKNOWN_COUNTRY, record.raw_country
    if not company.postcode.strip():
        if company.country not in WITHOUT:
            yield Flaw.NO_POSTCODE, ""
    elif not fits(company.postcode, company.country):
        yield Flaw.POSTCODE, company.postcode
    if not company.street.strip() and not company.city.strip():
        yield Flaw.NO_PLACE, ""


def _unjudged(record: CustomerRecord) -> bool:
    """Tell whether nobody can say if the tax id is right: its country has no known form."""
    tax_id = record.company.tax_id
    if not tax_id:
        return False
    compact = "".join(filter(str.isalnum, tax_id)).upper()
    return not record.company.country and not compact[:2].isalpha()
