"""Proposal: what to do about the pairs of two lists some of whose records are linked already.

Linked without a person is only a pair in the band ``link`` that leads every other pair of its two
records clearly; whatever else may be one company is suggested, with the reason why it was not
linked.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock.matching.assign import Matched, match_lists
from interlock.matching.candidates import Rows
from interlock.matching.levels import compare
from interlock.matching.rarity import Rarity, Weighed
from interlock.matching.score import Band, Explanation, Weights, explain, probabilities
from interlock.matching.table import Table

__all__ = ["LEAD", "Pairing", "Proposal", "propose"]

LEAD = 2.0
"""Log-odds by which a linked pair leads all others of its records: seven times likelier.

With less a machine would be choosing between two records that fit alike, such as twins.
"""
_CHUNK = 50_000


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """A pair that is, or may be, one company; ``why``: why it is not linked, if it is not."""

    left: str
    right: str
    probability: float
    band: Band
    explanation: Explanation
    why: str


_WHY = (
    "",
    "others fit about as well",
    "another record of the left list, probably the same company twice, fits better",
    "the right record is linked with another one",
    "the left record is linked with another one",
)
_ALIKE, _DOUBLED, _RIGHT_TAKEN, _LEFT_TAKEN = range(1, len(_WHY))


@dataclass(frozen=True, slots=True)
class Proposal:
    """Pairs by row; ``linked`` ones have records nobody else has."""

    left: Weighed
    right: Weighed
    weights: Weights
    matched: Matched
    linked: NDArray[np.bool_]
    why: NDArray[np.int8]
    suggested: NDArray[np.bool_]

    def pairings(self, *, linked: bool) -> Iterator[Pairing]:
        """Give the linked pairs, or those for a person; explained a part at a time."""
        found = self.matched
        chosen = np.flatnonzero(self.linked if linked else self.suggested)
        for start in range(0, len(chosen), _CHUNK):
            at = chosen[start : start + _CHUNK]
            pairs = found.left[at], found.right[at]
            explained = explain(
                compare(self.left, self.right, pairs), self.weights, found.competition[at]
            )
            for left, right, likely, band, why, told in zip(
                self.left.table.ids[pairs[0]].tolist(),
                self.right.table.ids[pairs[1]].tolist(),
                probabilities(found.scores[at]).tolist(),
                found.bands[at].tolist(),
                self.why[at].tolist(),
                explained,
                strict=True,
            ):
                yield Pairing(
                    left=left,
                    right=right,
                    probability=likely,
                    band=Band(band),
                    explanation=told,
                    why=_WHY[why],
                )


def propose(
    left: Table,
    right: Table,
    weights: Weights,
    *,
    rarity: Rarity | None = None,
    taken: tuple[AbstractSet[str], AbstractSet[str]] = (frozenset(), frozenset()),
    refused: AbstractSet[tuple[str, str]] = frozenset(),
) -> Proposal:
    """Match two lists and decide on each pair.

    ``taken``: ids on either side that have their partner; a pair of two such is left out.
    ``refused`` pairs are left out as well, and count all the same as something that fits.
    """
    rarity = rarity or Rarity.of(left, right)
    found = match_lists(left, right, weights, rarity=rarity, cautious=True)
    ours = _among(left, taken[0])[found.left]
    theirs = _among(right, taken[1])[found.right]
    # competition would hide that a rival fits as well as the winner
    raw = found.scores - found.competition
    leads = _leads(found.left, raw) & _leads(found.right, raw)
    sure = found.bands == Band.LINK.value
    free = ~ours & ~theirs
    why = np.select(
        [ours, theirs, found.doubled, sure & ~leads],
        [_LEFT_TAKEN, _RIGHT_TAKEN, _DOUBLED, _ALIKE],
    ).astype(np.int8)
    apart = _refused(left, right, found, refused)
    linked = sure & leads & free & ~found.doubled & ~apart
    suggested = ~linked & ~(ours & theirs) & ~apart
    return Proposal(
        Weighed.of(left, rarity), Weighed.of(right, rarity), weights, found, linked, why, suggested
    )


def _among(table: Table, ids: AbstractSet[str]) -> NDArray[np.bool_]:
    return np.fromiter((i in ids for i in table.ids.tolist()), dtype=np.bool_, count=len(table))


def _leads(rows: Rows, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which pairs lead all others of the same row."""
    leads = np.ones(len(rows), dtype=np.bool_)
    if not len(rows):
        return leads
    order = np.lexsort((-scores, rows))
    begins = np.concatenate(([True], rows[order][1:] != rows[order][:-1]))
    leads[order[~begins]] = False
    # the best of a row is followed by the second best
    follows = np.flatnonzero(begins[:-1] & ~begins[1:])
    close = scores[order[follows]] - scores[order[follows + 1]] < LEAD
    leads[order[follows[close]]] = False
    return leads


def _refused(
    left: Table, right: Table, found: Matched, refused: AbstractSet[tuple[str, str]]
) -> NDArray[np.bool_]:
    if not refused:
        return np.zeros(len(found.left), dtype=np.bool_)
    ids = zip(left.ids[found.left].tolist(), right.ids[found.right].tolist(), strict=True)
    return np.fromiter((pair in refused for pair in ids), dtype=np.bool_, count=len(found.left))
