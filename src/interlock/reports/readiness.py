"""Readiness: what both sides' customers are worth before anything is linked or written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from interlock.matching.assign import Matched, match_lists
from interlock.matching.duplicates import Duplicate, find_duplicates
from interlock.matching.rarity import Rarity
from interlock.matching.score import Band, Weights
from interlock.matching.table import Table, tabulate
from interlock.reports.counterparts import Lonely, lonely
from interlock.reports.quality import Quality, inspect
from interlock.reports.records import CustomerRecord, Source

__all__ = ["Doubled", "Expected", "Readiness", "Side", "assess"]


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What matching will make of one side's records; they add up to all of them."""

    linked: int
    review: int
    alone: int


class Doubled(msgspec.Struct, frozen=True, kw_only=True):
    """Two records of one side that are, or may be, one company."""

    side: str
    survivor_id: str
    survivor_name: str
    duplicate_id: str
    duplicate_name: str
    probability: float
    certain: bool
    explanation: str


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One side: where it comes from, how good it is, what matching will make of it."""

    name: str
    source: Source
    quality: Quality
    expected: Expected
    duplicates: int
    certain_duplicates: int


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides; ``pairs``: how many pairs will be linked and how many reviewed."""

    sides: tuple[Side, Side]
    links: int
    reviews: int
    doubled: Sequence[Doubled]
    currencies: Sequence[Lonely]
    terms: Sequence[Lonely]
    weights: str


def assess(
    left: Sequence[CustomerRecord],
    right: Sequence[CustomerRecord],
    sources: tuple[Source, Source],
    weights: Weights,
    *,
    names: tuple[str, str] = ("left", "right"),
) -> Readiness:
    """Look at both lists, within each and across."""
    ours, theirs = (tabulate(record.company for record in side) for side in (left, right))
    rarity = Rarity.of(ours, theirs)
    matched = match_lists(ours, theirs, weights, rarity=rarity)
    doubled: list[Doubled] = []
    sides = []
    for name, records, table, source, rows in (
        (names[0], left, ours, sources[0], matched.left),
        (names[1], right, theirs, sources[1], matched.right),
    ):
        own = _doubled(name, records, find_duplicates(table, weights, rarity=rarity))
        doubled += own
        sides.append(
            Side(
                name=name,
                source=source,
                quality=inspect(records, source.fields),
                expected=_expected(table, rows, matched),
                duplicates=len(own),
                certain_duplicates=sum(each.certain for each in own),
            )
        )
    one, two = sides
    links = int((matched.bands == Band.LINK.value).sum())
    return Readiness(
        sides=(one, two),
        links=links,
        reviews=len(matched.left) - links,
        doubled=doubled,
        currencies=lonely(one.quality.currencies, two.quality.currencies, names, terms=False),
        terms=lonely(one.quality.terms, two.quality.terms, names, terms=True),
        weights=weights.version,
    )


def _expected(table: Table, rows: Iterable[int], matched: Matched) -> Expected:
    places = np.asarray(rows)
    linked = np.unique(places[matched.bands == Band.LINK.value])
    touched = np.unique(places)
    return Expected(
        linked=len(linked), review=len(touched) - len(linked), alone=len(table) - len(touched)
    )


def _doubled(
    side: str, records: Sequence[CustomerRecord], found: Sequence[Duplicate]
) -> list[Doubled]:
    names: Mapping[str, str] = {r.company.id: r.company.name for r in records}
    return [
        Doubled(
            side=side,
            survivor_id=each.survivor,
            survivor_name=names[each.survivor],
            duplicate_id=each.duplicate,
            duplicate_name=names[each.duplicate],
            probability=each.probability,
            certain=each.band is Band.LINK,
            explanation=str(each.explanation),
        )
        for each in found
    ]
