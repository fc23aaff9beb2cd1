"""Matching of lists given as CSV files: score, measure, learn, and list duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from interlock.errors import ConfigurationError
from interlock.matching.assign import Matched, match_lists
from interlock.matching.candidates import Index, Pairs, candidates, keys_of
from interlock.matching.duplicates import find_duplicates
from interlock.matching.learn import Figures, cross_validate, figures, fit, measured
from interlock.matching.levels import Numbers, certain, compare
from interlock.matching.rarity import Rarity, Weighed
from interlock.matching.score import (
    Band,
    Weights,
    bands,
    default_weights,
    explain,
    logits,
    probabilities,
)
from interlock.matching.table import Table
from interlock.service.companies import (
    has_labels,
    read_companies,
    read_pairs,
    rows_by_id,
    write_rows,
)

__all__ = [
    "FilesMatched",
    "Learnt",
    "Quality",
    "learn_from",
    "learn_weights",
    "load_weights",
    "located",
    "match_files",
    "measure",
    "score_given",
    "write_weights",
]

HEADER = ("left_id", "right_id", "probability", "band", "explanation")
DUPLICATES = ("list", "survivor_id", "duplicate_id", "probability", "band", "explanation")
_CHUNK = 50_000
_FEWEST = 50
"""Decisions of each kind that weights are learnt from; fewer say too little."""


class FilesMatched(msgspec.Struct, frozen=True, kw_only=True):
    """How many pairs, and records without any, came out; ``weights``: their version."""

    left: int
    right: int
    link: int
    review: int
    unmatched_left: int
    unmatched_right: int
    duplicates: int | None
    weights: str


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Measured against labels; ``how`` says on what.

    ``candidate_recall``: share of the true pairs that were looked at at all; ``None`` for pairs
    that were given.
    """

    how: str
    figures: Figures
    candidate_recall: float | None
    weights: str


class Learnt(msgspec.Struct, frozen=True, kw_only=True):
    """Weights before and after; ``after`` is measured on decisions they were not learnt from."""

    before: Figures
    after: Figures
    weights: Weights


def load_weights(path: Path | None) -> Weights:
    """Read weights from a file that ``match learn`` wrote; without one, those we ship."""
    if path is None:
        return default_weights()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Weights)
    except OSError as error:
        raise ConfigurationError(f"cannot read: {error.strerror}", file=str(path)) from error
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"not a file of weights: {error}", file=str(path)) from error


def match_files(
    left: Path, right: Path, out: Path, *, weights: Weights, duplicates: Path | None = None
) -> FilesMatched:
    """Match two lists and write every pair to be linked or reviewed; duplicates on request."""
    ours, theirs = read_companies(left), read_companies(right)
    rarity = Rarity.of(ours, theirs)
    matched = match_lists(ours, theirs, weights, rarity=rarity)
    write_rows(out, HEADER, _pair_rows(ours, theirs, matched, rarity, weights))
    doubles = None
    if duplicates is not None:
        doubles = write_rows(
            duplicates,
            DUPLICATES,
            (
                row
                for name, table in (("left", ours), ("right", theirs))
                for row in _duplicate_rows(name, table, rarity, weights)
            ),
        )
    link = int((matched.bands == Band.LINK.value).sum())
    return FilesMatched(
        left=len(ours),
        right=len(theirs),
        link=link,
        review=len(matched.left) - link,
        unmatched_left=len(ours) - len(np.unique(matched.left)),
        unmatched_right=len(theirs) - len(np.unique(matched.right)),
        duplicates=doubles,
        weights=weights.version,
    )


def _pair_rows(
    left: Table, right: Table, matched: Matched, rarity: Rarity, weights: Weights
) -> Iterator[Sequence[object]]:
    ours, theirs = Weighed.of(left, rarity), Weighed.of(right, rarity)
    for start in range(0, len(matched.left), _CHUNK):
        part = slice(start, start + _CHUNK)
        pairs = matched.left[part], matched.right[part]
        why = explain(compare(ours, theirs, pairs), weights, matched.competition[part])
        for one, two, likely, band, doubled, reason in zip(
            left.ids[pairs[0]],
            right.ids[pairs[1]],
            probabilities(matched.scores[part]),
            matched.bands[part],
            matched.doubled[part],
            why,
            strict=True,
        ):
            text = f"{reason} a duplicate in the left list owns it" if doubled else str(reason)
            yield one, two, f"{likely:.6f}", band, text


def _duplicate_rows(
    name: str, table: Table, rarity: Rarity, weights: Weights
) -> Iterator[Sequence[object]]:
    for each in find_duplicates(table, weights, rarity=rarity):
        yield (
            name,
            each.survivor,
            each.duplicate,
            f"{each.probability:.6f}",
            each.band.value,
            str(each.explanation),
        )


def score_given(left: Path, right: Path, pairs: Path, out: Path, *, weights: Weights) -> int:
    """Score the pairs of a file, in its order; returns how many."""
    ours, theirs = read_companies(left), read_companies(right)
    given = read_pairs(pairs)
    rows = located(ours, theirs, given, pairs)
    levels = _levels(ours, theirs, rows)
    scores = logits(levels, weights)
    band = bands(scores, certain(levels), weights)
    return write_rows(
        out,
        HEADER,
        (
            (one, two, f"{likely:.6f}", what, str(why))
            for (one, two, _), likely, what, why in zip(
                given,
                probabilities(scores).tolist(),
                band.tolist(),
                explain(levels, weights),
                strict=True,
            )
        ),
    )


def measure(
    left: Path, right: Path, truth: Path, *, weights: Weights, folds: int | None = None
) -> Quality:
    """Measure precision and recall.

    A truth file with labels: the pairs in it, scored by themselves; with ``folds``, weights are
    estimated anew from all other folds, so that nothing is measured on what it was learnt from.
    One without: it lists all true links, and the two lists are matched whole.
    """
    ours, theirs = read_companies(left), read_companies(right)
    if has_labels(truth):
        given = read_pairs(truth, labelled=True)
        rows = located(ours, theirs, given, truth)
        levels, labels = _levels(ours, theirs, rows), _labels(given)
        if folds is None:
            return Quality(
                how="given pairs",
                figures=figures(levels, labels, weights),
                candidate_recall=None,
                weights=weights.version,
            )
        if folds < 2 or labels.all() or not labels.any():
            raise ConfigurationError(
                "nothing to learn from",
                file=str(truth),
                fix="take two folds or more, and pairs of both kinds",
            )
        found = cross_validate(
            levels, labels, list(zip(*map(np.ndarray.tolist, rows), strict=True)), folds=folds
        )
        return Quality(
            how=f"{folds} folds by connected component",
            figures=found,
            candidate_recall=None,
            weights="estimated in each fold",
        )
    if folds is not None:
        raise ConfigurationError(
            "folds need labelled pairs", file=str(truth), fix="give a file with a column 'label'"
        )
    return _measure_lists(ours, theirs, located(ours, theirs, read_pairs(truth), truth), weights)


def _measure_lists(left: Table, right: Table, truth: Pairs, weights: Weights) -> Quality:
    rarity = Rarity.of(left, right)
    size = np.int64(max(len(right), 1))
    true = np.unique(truth[0] * size + truth[1])
    looked = candidates(keys_of(Weighed.of(left, rarity)), Index.of(Weighed.of(right, rarity)))
    matched = match_lists(left, right, weights, rarity=rarity)
    labels = np.isin(matched.left * size + matched.right, true)
    return Quality(
        how="whole lists",
        figures=measured(
            labels,
            probabilities(matched.scores) >= 0.5,
            matched.bands == Band.LINK.value,
            weights.link_at,
            len(true),
        ),
        candidate_recall=float(
            np.isin(true, looked[0] * size + looked[1]).sum() / max(len(true), 1)
        ),
        weights=weights.version,
    )


def learn_weights(
    left: Path, right: Path, decisions: Path, out: Path, *, before: Weights, version: str
) -> Learnt:
    """Re-estimate weights from decided pairs and write them; few decisions move them little."""
    ours, theirs = read_companies(left), read_companies(right)
    given = read_pairs(decisions, labelled=True)
    rows = located(ours, theirs, given, decisions)
    learnt = learn_from(
        _levels(ours, theirs, rows),
        _labels(given),
        list(zip(*map(np.ndarray.tolist, rows), strict=True)),
        before=before,
        version=version,
        file=str(decisions),
    )
    write_weights(out, learnt.weights)
    return learnt


def learn_from(
    levels: Numbers,
    labels: np.ndarray[tuple[int], np.dtype[np.bool_]],
    pairs: Sequence[tuple[int, int]],
    *,
    before: Weights,
    version: str,
    file: str | None = None,
) -> Learnt:
    """Re-estimate weights from compared and decided pairs; ``file``: where they come from."""
    if min(int(labels.sum()), int((~labels).sum())) < _FEWEST:
        raise ConfigurationError(
            f"{int(labels.sum())} pairs decided as same and {int((~labels).sum())} as different "
            "are too few to learn from",
            file=file,
            fix=f"decide at least {_FEWEST} of each kind",
        )
    after = cross_validate(levels, labels, pairs, prior=before)
    weights = fit(levels, labels, version=version, prior=before)
    return Learnt(before=figures(levels, labels, before), after=after, weights=weights)


def write_weights(path: Path, weights: Weights) -> None:
    """Write weights to a file that :func:`load_weights` reads."""
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(weights), indent=2) + b"\n")
    except OSError as error:
        raise ConfigurationError(f"cannot write: {error.strerror}", file=str(path)) from error


def _levels(left: Table, right: Table, pairs: Pairs) -> Numbers:
    rarity = Rarity.of(left, right)
    return compare(Weighed.of(left, rarity), Weighed.of(right, rarity), pairs)


def _labels(given: Sequence[tuple[str, str, str]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([label == "1" for _, _, label in given], dtype=np.bool_)


def located(left: Table, right: Table, given: Sequence[tuple[str, str, str]], path: Path) -> Pairs:
    """Find the rows of given ids; refuses an id that is in neither list."""
    ours, theirs = rows_by_id(left), rows_by_id(right)
    rows: list[tuple[int, int]] = []
    for number, (one, two, _) in enumerate(given, start=2):
        if one not in ours or two not in theirs:
            raise ConfigurationError(
                f"no record {one!r} on the left"
                if one not in ours
                else f"no record {two!r} on the right",
                file=str(path),
                line=number,
            )
        rows.append((ours[one], theirs[two]))
    return _column(one for one, _ in rows), _column(two for _, two in rows)


def _column(rows: Iterable[int]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array(list(rows), dtype=np.int32)
