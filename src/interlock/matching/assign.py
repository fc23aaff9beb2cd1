"""Assignment: which pairs of two whole lists are links, reviews, or duplicates within a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interlock.matching.candidates import Index, Pairs, candidates, keys_of
from interlock.matching.levels import compare, evidence
from interlock.matching.rarity import Rarity
from interlock.matching.score import Band, Logits, Weights, logits, probabilities
from interlock.matching.table import Table

__all__ = ["Matched", "match_lists", "score_pairs"]

_CHUNK = 200_000


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


def score_pairs(left: Table, right: Table, pairs: Pairs, rarity: Rarity, weights: Weights
                ) -> tuple[Logits, NDArray[np.bool_]]:
    """Score pairs; also tell which rest on two kinds of evidence.  Memory stays small."""
    scores, sure = [np.empty(0)], [np.empty(0, dtype=np.bool_)]
    for part in _parts(pairs):
        levels = compare(left, right, part, rarity)
        scores.append(logits(levels, weights))
        sure.append(evidence(levels).sum(axis=1) >= 2)
    return np.concatenate(scores), np.concatenate(sure)


def _parts(pairs: Pairs) -> Iterator[Pairs]:
    for start in range(0, len(pairs[0]), _CHUNK):
        yield pairs[0][start:start + _CHUNK], pairs[1][start:start + _CHUNK]


def match_lists(left: Table, right: Table, weights: Weights, *, rarity: Rarity | None = None
                ) -> Matched:
    """Match two lists.

    One left record may own several right ones.  Left records that want the same right record
    compete, unless they are the same company twice: then the best of them owns it.
    """
    rarity = rarity or Rarity.of(left, right)
    pairs = candidates(keys_of(left, rarity), Index.of(right, rarity))
    scores, sure = score_pairs(left, right, pairs, rarity, weights)
    keep = probabilities(scores) >= weights.review_at / 4
    ours, theirs = pairs[0][keep], pairs[1][keep]
    scores, sure = scores[keep], sure[keep]
    competition, doubled = _compete(left, ours, theirs, scores, sure, rarity, weights)
    final = scores + competition
    likely = probabilities(final)
    band = np.where(sure & (likely >= weights.link_at), Band.LINK.value,
                    np.where(likely >= weights.review_at, Band.REVIEW.value, Band.NONE.value))
    shown = band != Band.NONE.value
    return Matched(ours[shown], theirs[shown], final[shown], competition[shown], band[shown],
                   doubled[shown])


def _compete(left: Table, ours: NDArray[np.int32], theirs: NDArray[np.int32], scores: Logits,
             sure: NDArray[np.bool_], rarity: Rarity, weights: Weights
             ) -> tuple[Logits, NDArray[np.bool_]]:
    """Divide each pair's odds by one plus those of its rivals for the right record."""
    competition = np.zeros(len(scores))
    doubled = np.zeros(len(scores), dtype=np.bool_)
    order = np.lexsort((ours, -scores, theirs))
    sorted_right = theirs[order]
    starts = np.flatnonzero(np.concatenate(([True], sorted_right[1:] != sorted_right[:-1]))) \
        if len(order) else np.empty(0, dtype=np.int64)
    ends = np.append(starts[1:], len(order))
    contested = ends - starts > 1
    odds = np.exp(np.clip(scores, -30, 30))
    groups = [order[start:end] for start, end in zip(
        starts[contested].tolist(), ends[contested].tolist(), strict=True)]
    twins = _twins(left, ours, groups, rarity, weights)
    for group in groups:
        rows = ours[group].tolist()
        total = float(odds[group].sum())
        for place, pair in enumerate(group.tolist()):
            kin = [other for other, row in zip(group.tolist(), rows, strict=True)
                   if other == pair or (min(rows[place], row), max(rows[place], row)) in twins]
            rivals = max(total - float(odds[kin].sum()), 0.0)
            competition[pair] = -float(np.log1p(rivals))
            doubled[pair] = kin[0] != pair
    return competition, doubled & sure


def _twins(left: Table, ours: NDArray[np.int32], groups: list[NDArray[np.int64]],
           rarity: Rarity, weights: Weights) -> set[tuple[int, int]]:
    """Pairs of left records, among those that compete, that are one company twice."""
    # the ten best of a crowd are enough to tell whether its best has twins
    crowds = (ours[group[:10]].tolist() for group in groups)
    pairs = sorted({(min(a, b), max(a, b)) for crowd in crowds for a in crowd for b in crowd
                    if a != b})
    if not pairs:
        return set()
    both = np.array(pairs, dtype=np.int32)
    scores, sure = score_pairs(left, left, (both[:, 0], both[:, 1]), rarity, weights)
    same = sure & (probabilities(scores) >= weights.link_at)
    return {pair for pair, twin in zip(pairs, same.tolist(), strict=True) if twin}
