"""A register of one list that new and changed records are looked up in, in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from interlock.matching.assign import score_pairs, telling
from interlock.matching.candidates import Index, candidates, keys_of
from interlock.matching.levels import certain, compare
from interlock.matching.rarity import Rarity, Weighed
from interlock.matching.score import Band, Explanation, Weights, bands, explain, logits
from interlock.matching.score import probabilities as likelihoods
from interlock.matching.table import Company, Table, tabulate

__all__ = ["Found", "Register"]

_SMALL = 1_000
"""Parts smaller than this are joined with the next ones to come."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the register that may be the one asked about."""

    id: str
    probability: float
    band: Band
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class _Part:
    weighed: Weighed
    index: Index
    rows: dict[str, int]

    @classmethod
    def of(cls, table: Table, rarity: Rarity) -> _Part:
        weighed = Weighed.of(table, rarity)
        return cls(weighed, Index.of(weighed), {key: row for row, key in enumerate(table.ids)})


@dataclass(frozen=True, slots=True)
class Register:
    """A list in parts, the newest last; a record in a newer part replaces the older one.

    Rarity stays that of the day the register was made: the same record scores the same all day.
    """

    rarity: Rarity
    parts: tuple[_Part, ...]

    @classmethod
    def of(cls, table: Table, *others: Table, rarity: Rarity | None = None) -> Register:
        """Index a list; ``others`` count for rarity only (the list of the other system)."""
        rarity = rarity or Rarity.of(table, *others)
        return cls(rarity, (_Part.of(table, rarity),))

    def with_records(self, companies: Iterable[Company]) -> Register:
        """A register in which these records are new or replaced."""
        table = tabulate(companies)
        if not len(table):
            return self
        older = self.parts
        if len(older) > 1 and len(older[-1].rows) < _SMALL:
            late = older[-1].weighed.table
            kept = [row for key, row in older[-1].rows.items() if key not in set(table.ids)]
            table = Table.joined([late.chosen(kept), table])
            older = older[:-1]
        return Register(self.rarity, (*older, _Part.of(table, self.rarity)))

    def chosen(self, ids: Iterable[str]) -> Table:
        """These records, those that are known; a record's newest state."""
        left = set(ids)
        tables = []
        for part in reversed(self.parts):
            here = sorted(part.rows[i] for i in left if i in part.rows)
            tables.append(part.weighed.table.chosen(here))
            left -= part.rows.keys()
        return Table.joined(tables)

    def near(self, asked: Table, weights: Weights) -> set[str]:
        """Ids of records that may be one of those asked about, rivals included."""
        lowest = weights.review_at / 4
        weighed = Weighed.of(asked, self.rarity)
        keys = keys_of(weighed)
        found: set[str] = set()
        for place, part in enumerate(self.parts):
            pairs = candidates(keys, part.index, crowds=False)
            scores, _ = score_pairs(weighed, part.weighed, pairs, weights, lowest=lowest)
            may_be = likelihoods(scores) >= lowest
            rows = np.unique(pairs[1][may_be | telling(weighed, part.weighed, pairs)])
            ids = set(part.weighed.table.ids[rows].tolist())
            found |= ids.difference(*(newer.rows for newer in self.parts[place + 1 :]))
        return found

    def find(self, company: Company, weights: Weights) -> Sequence[Found]:
        """Records that may be this one, the likeliest first; band ``none`` is left out."""
        asked = Weighed.of(tabulate([company]), self.rarity)
        keys = keys_of(asked)
        found: list[Found] = []
        for place, part in enumerate(self.parts):
            pairs = candidates(keys, part.index, crowds=False)
            if not len(pairs[0]):
                continue
            levels = compare(asked, part.weighed, pairs)
            scores = logits(levels, weights)
            band = bands(scores, certain(levels), weights)
            shown = np.flatnonzero(band != Band.NONE.value)
            for row, score, what, why in zip(
                pairs[1][shown].tolist(),
                likelihoods(scores[shown]).tolist(),
                band[shown].tolist(),
                explain(levels[shown], weights),
                strict=True,
            ):
                key = part.weighed.table.ids[row]
                if any(key in newer.rows for newer in self.parts[place + 1 :]):
                    continue
                found.append(Found(id=key, probability=score, band=Band(what), explanation=why))
        return sorted(found, key=lambda each: (-each.probability, each.id))
