"""The same lists scored by our engine and by Splink, with what they disagree about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock.matching.assign import match_lists
from interlock.matching.candidates import Pairs
from interlock.matching.levels import certain, compare
from interlock.matching.rarity import Rarity, Weighed
from interlock.matching.score import Band, Weights, bands, explain, logits, probabilities
from interlock.matching.second_opinion import SecondOpinion
from interlock.matching.table import Table
from interlock.service.companies import read_companies, read_pairs, write_rows
from interlock.service.matching import located

__all__ = ["Compared", "compare_files", "compare_given"]

HEADER = (
    "left_id",
    "right_id",
    "probability",
    "band",
    "explanation",
    "own_probability",
    "own_band",
    "disagree",
)
_LINE = 0.5
"""The decision line: two opinions differ when they stand on different sides of it."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """How two opinions on the same pairs compare, at the decision line.

    ``pairs``: those that either thinks worth a look.  ``links_doubted``: pairs our engine would
    link without a person and Splink thinks different.
    """

    pairs: int
    both: int
    only_splink: int
    only_own: int
    links_doubted: int
    weights: str


def compare_files(
    left: Path, right: Path, out: Path, *, weights: Weights, spark: bool = False
) -> Compared:
    """Match two lists by both; a file row for every pair that either would link or review."""
    ours, theirs = read_companies(left), read_companies(right)
    opinion = SecondOpinion(ours, theirs, spark=spark)
    rarity = Rarity.of(ours, theirs)
    matched = match_lists(ours, theirs, weights, rarity=rarity)
    second = opinion.on_lists(lowest=weights.review_at)
    size = np.int64(max(len(theirs), 1))
    own_keys = matched.left * size + matched.right
    keys = np.union1d(own_keys, second.left * size + second.right)
    pairs = (keys // size).astype(np.int32), (keys % size).astype(np.int32)
    # what rivals take off a score is known only for pairs that matching kept
    competition = np.zeros(len(keys))
    competition[np.searchsorted(keys, own_keys)] = matched.competition
    scores = _own(ours, theirs, rarity, pairs, weights, competition)
    return _write(out, (ours, theirs), pairs, opinion.on_pairs(pairs).probabilities, scores)


def compare_given(
    left: Path, right: Path, pairs: Path, out: Path, *, weights: Weights, spark: bool = False
) -> Compared:
    """Score the pairs of a file by both, in its order."""
    ours, theirs = read_companies(left), read_companies(right)
    given = read_pairs(pairs)
    rows = located(ours, theirs, given, pairs)
    scores = _own(ours, theirs, Rarity.of(ours, theirs), rows, weights, np.zeros(len(given)))
    second = SecondOpinion(ours, theirs, spark=spark).on_pairs(rows)
    return _write(out, (ours, theirs), rows, second.probabilities, scores)


class _Scored(msgspec.Struct, frozen=True):
    probabilities: NDArray[np.float64]
    bands: NDArray[np.str_]
    why: Sequence[str]
    weights: Weights


def _own(
    left: Table,
    right: Table,
    rarity: Rarity,
    pairs: Pairs,
    weights: Weights,
    competition: NDArray[np.float64],
) -> _Scored:
    levels = compare(Weighed.of(left, rarity), Weighed.of(right, rarity), pairs)
    scores = logits(levels, weights) + competition
    return _Scored(
        probabilities(scores),
        bands(scores, certain(levels), weights),
        [str(each) for each in explain(levels, weights, competition)],
        weights,
    )


def _write(
    out: Path,
    tables: tuple[Table, Table],
    pairs: Pairs,
    second: NDArray[np.float64],
    own: _Scored,
) -> Compared:
    yes, ours = second >= _LINE, own.probabilities >= _LINE
    write_rows(out, HEADER, _rows(tables, pairs, second, own))
    return Compared(
        pairs=len(second),
        both=int((yes & ours).sum()),
        only_splink=int((yes & ~ours).sum()),
        only_own=int((ours & ~yes).sum()),
        links_doubted=int(((own.bands == Band.LINK.value) & ~yes).sum()),
        weights=own.weights.version,
    )


def _rows(
    tables: tuple[Table, Table], pairs: Pairs, second: NDArray[np.float64], own: _Scored
) -> Iterator[Sequence[object]]:
    for one, two, likely, mine, band, why in zip(
        tables[0].ids[pairs[0]],
        tables[1].ids[pairs[1]],
        second.tolist(),
        own.probabilities.tolist(),
        own.bands.tolist(),
        own.why,
        strict=True,
    ):
        yield (
            one,
            two,
            f"{likely:.6f}",
            _band(likely, own.weights),
            f"ours: {why}",
            f"{mine:.6f}",
            band,
            "yes" if (likely >= _LINE) != (mine >= _LINE) else "no",
        )


def _band(likely: float, weights: Weights) -> str:
    """Give the band by probability alone: of Splink's we know no kinds of evidence."""
    if likely >= weights.link_at:
        return Band.LINK.value
    return Band.REVIEW.value if likely >= weights.review_at else Band.NONE.value
