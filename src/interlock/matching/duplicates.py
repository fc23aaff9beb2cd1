"""Duplicates within one list, by the same score, as a worklist for whoever merges them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from interlock.matching.assign import score_pairs
from interlock.matching.candidates import Index, candidates, keys_of
from interlock.matching.levels import compare
from interlock.matching.rarity import Rarity, Weighed
from interlock.matching.score import Band, Explanation, Weights, bands, explain, probabilities
from interlock.matching.table import Table

__all__ = ["Duplicate", "find_duplicates"]


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """Two records of one list that are, or may be, one company; ``survivor`` is to stay.

    ``band`` "link" is as certain as an automatic link; nothing is ever merged by itself.
    """

    survivor: str
    duplicate: str
    probability: float
    band: Band
    explanation: Explanation


def find_duplicates(
    table: Table,
    weights: Weights,
    *,
    rarity: Rarity | None = None,
    uses: Mapping[str, int] | None = None,
) -> Sequence[Duplicate]:
    """List duplicates, most certain first.

    ``uses``: how much hangs on a record (links, orders); the most used of a group survives, then
    the one with most fields filled, then the lowest id.
    """
    weighed = Weighed.of(table, rarity or Rarity.of(table))
    left, right = candidates(keys_of(weighed), Index.of(weighed))
    once = left < right
    left, right = left[once], right[once]
    scores, sure = score_pairs(weighed, weighed, (left, right), weights, lowest=0.5)
    likely = probabilities(scores) >= 0.5
    left, right, scores, sure = left[likely], right[likely], scores[likely], sure[likely]
    leader = _leaders(
        table,
        left.tolist(),
        right.tolist(),
        (sure & (probabilities(scores) >= weights.link_at)).tolist(),
        uses or {},
    )
    explained = explain(compare(weighed, weighed, (left, right)), weights)
    found = []
    for one, two, likelihood, band, why in zip(
        left.tolist(),
        right.tolist(),
        probabilities(scores).tolist(),
        bands(scores, sure, weights).tolist(),
        explained,
        strict=True,
    ):
        first, second = sorted((one, two), key=lambda row: _rank(table, row, uses or {}))
        if leader.get(one) is not None and leader.get(one) == leader.get(two):
            # within a group everything points to the one that stays
            if leader[one] not in (one, two):
                continue
            first, second = leader[one], two if leader[one] == one else one
        found.append(
            Duplicate(
                survivor=table.ids[first],
                duplicate=table.ids[second],
                probability=likelihood,
                band=Band(band),
                explanation=why,
            )
        )
    return sorted(found, key=lambda d: (-d.probability, d.survivor, d.duplicate))


def _leaders(
    table: Table, left: list[int], right: list[int], certain: list[bool], uses: Mapping[str, int]
) -> dict[int, int]:
    """Survivor of each certain group, by row."""
    parent: dict[int, int] = {}

    def find(row: int) -> int:
        parent.setdefault(row, row)
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for one, two, sure in zip(left, right, certain, strict=True):
        if sure:
            parent[find(one)] = find(two)
    groups = defaultdict(list)
    for row in list(parent):
        groups[find(row)].append(row)
    best = {root: min(rows, key=lambda r: _rank(table, r, uses)) for root, rows in groups.items()}
    return {row: best[root] for root, rows in groups.items() for row in rows}


def _rank(table: Table, row: int, uses: Mapping[str, int]) -> tuple[int, int, str]:
    filled = sum(
        int(getattr(table, column)[row] != 0)
        for column in ("name", "street", "city", "postcode", "phone", "domain", "tax")
    )
    return -uses.get(table.ids[row], 0), -filled, str(table.ids[row])
