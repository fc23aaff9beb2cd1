"""Assignment: which pairs of two whole lists are links, reviews, or duplicates within a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interlock.matching.candidates import Index, Pairs, Rows, candidates, keys_of
from interlock.matching.levels import LEVELS, Numbers, certain, compare
from interlock.matching.rarity import Rarity, Weighed
from interlock.matching.score import Band, Logits, Weights, bands, logits, probabilities
from interlock.matching.table import Table

__all__ = ["Matched", "match_lists", "score_pairs", "telling"]

_CHUNK = 200_000
_RARE = 0.5
"""Frequency up to which a domain or phone is a company's own: five records have it."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Scored pairs, ascending by row; ``competition`` is what rivals took off the score.

    ``doubled``: the right record is linked to a better twin of this left record as well.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    scores: Logits
    competition: Logits
    bands: NDArray[np.str_]
    doubled: NDArray[np.bool_]


def score_pairs(
    left: Weighed, right: Weighed, pairs: Pairs, weights: Weights, *, lowest: float = 0.0
) -> tuple[Logits, NDArray[np.bool_]]:
    """Score pairs; also tell which rest on two kinds of evidence.  Memory stays small.

    Pairs that cannot reach the probability ``lowest`` may score a little off.
    """
    most = sum(
        max(w, 0.0)
        for w, level in zip(weights.vector(), LEVELS, strict=True)
        if (level.field, level.name) == ("street", "alike")
    )
    line = float(np.log(lowest / (1 - lowest))) - most if lowest > 0 else -np.inf

    def worth(levels: Numbers) -> NDArray[np.bool_]:
        return np.asarray(logits(levels, weights) >= line)

    scores, sure = [np.empty(0)], [np.empty(0, dtype=np.bool_)]
    for part in _parts(pairs):
        levels = compare(left, right, part, worth=worth)
        scores.append(logits(levels, weights))
        sure.append(certain(levels))
    return np.concatenate(scores), np.concatenate(sure)


def _parts(pairs: Pairs) -> Iterator[Pairs]:
    for start in range(0, len(pairs[0]), _CHUNK):
        yield pairs[0][start : start + _CHUNK], pairs[1][start : start + _CHUNK]


def telling(left: Weighed, right: Weighed, pairs: Pairs) -> NDArray[np.bool_]:
    """Tell which pairs share a tax id, or a web domain or phone that hardly anybody else has."""

    def same(column: str) -> NDArray[np.bool_]:
        one = getattr(left.table, column)[pairs[0]]
        return np.asarray((one != 0) & (one == getattr(right.table, column)[pairs[1]]))

    rare_domain = left.domains[pairs[0]] <= _RARE
    rare_phone = left.phones[pairs[0]] <= _RARE
    return np.asarray(same("tax") | (same("domain") & rare_domain) | (same("phone") & rare_phone))


def match_lists(
    left: Table,
    right: Table,
    weights: Weights,
    *,
    rarity: Rarity | None = None,
    cautious: bool = False,
) -> Matched:
    """Match two lists.

    One left record may own several right ones.  Left records that want the same right record
    compete, unless they are the same company twice: then the best of them owns it.  ``cautious``:
    what shares a telling key is at least reviewed, however unlikely the rest makes it.
    """
    rarity = rarity or Rarity.of(left, right)
    ours, theirs = Weighed.of(left, rarity), Weighed.of(right, rarity)
    pairs = candidates(keys_of(ours), Index.of(theirs))
    scores, sure = score_pairs(ours, theirs, pairs, weights, lowest=weights.review_at / 4)
    keep = probabilities(scores) >= weights.review_at / 4
    if cautious:
        keep |= telling(ours, theirs, pairs)
    rows, other = pairs[0][keep], pairs[1][keep]
    scores, sure = scores[keep], sure[keep]
    competition, doubled = _compete(ours, rows, other, scores, sure, weights)
    final = scores + competition
    band = bands(final, sure, weights)
    if cautious:
        held = (band == Band.NONE.value) & telling(ours, theirs, (rows, other))
        band = np.where(held, Band.REVIEW.value, band)
    shown = band != Band.NONE.value
    return Matched(
        rows[shown], other[shown], final[shown], competition[shown], band[shown], doubled[shown]
    )


def _compete(
    left: Weighed,
    ours: Rows,
    theirs: Rows,
    scores: Logits,
    sure: NDArray[np.bool_],
    weights: Weights,
) -> tuple[Logits, NDArray[np.bool_]]:
    """Divide each pair's odds by one plus those of its rivals for the right record.

    Left records that are the same company as the best of them are no rivals but its duplicates.
    """
    doubled = np.zeros(len(scores), dtype=np.bool_)
    if not len(scores):
        return np.zeros(0), doubled
    # pairs of one right record stand together, the best first
    order = np.lexsort((ours, -scores, theirs))
    begins = np.concatenate(([True], theirs[order][1:] != theirs[order][:-1]))
    starts, group = np.flatnonzero(begins), np.cumsum(begins) - 1
    odds = np.exp(np.clip(scores[order], -30, 30))
    twin = _twins(left, ours[order], starts[group], begins, weights)
    family = np.add.reduceat(np.where(twin | begins, odds, 0.0), starts)[group]
    own = np.where(twin | begins, family, odds)
    rivals = np.add.reduceat(odds, starts)[group] - own
    competition = np.empty(len(scores))
    # what is left of equal sums is rounding
    competition[order] = -np.log1p(np.where(rivals > 1e-9 * own, rivals, 0.0))
    doubled[order] = twin
    return competition, doubled & sure


def _twins(
    left: Weighed,
    ours: Rows,
    leaders: NDArray[np.int64],
    begins: NDArray[np.bool_],
    weights: Weights,
) -> NDArray[np.bool_]:
    """Tell which pairs' left record is the same company as that of their group's best pair."""
    twin = np.zeros(len(ours), dtype=np.bool_)
    others = np.flatnonzero(~begins)
    if not len(others):
        return twin
    rows = np.sort(np.stack((ours[leaders[others]], ours[others])), axis=0)
    pairs, which = np.unique(rows, axis=1, return_inverse=True)
    scores, sure = score_pairs(left, left, (pairs[0], pairs[1]), weights, lowest=weights.link_at)
    twin[others] = (sure & (probabilities(scores) >= weights.link_at))[which.ravel()]
    return twin
