"""Candidates: which pairs are worth comparing.  Linear in the records, whatever the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interlock.matching.rarity import Weighed
from interlock.matching.table import Hashes

__all__ = ["CAP", "Index", "Keys", "Pairs", "Rows", "candidates", "keys_of"]

CAP = 40
"""A key that more records of a list hold than this proposes nobody."""
WEAK_CAP = 12
"""The same for keys that alone say little."""
SAMPLE = 3
"""Records proposed all the same for a too frequent key that names a whole company."""
RARE_WORDS = 3
TELLING = 5.0
"""Bits a word must carry to propose somebody in the same city: one record in 32 has it."""
_WHOLE = frozenset({"tax", "name"})
_WEAK = frozenset({"domain", "label", "word", "word and city", "start"})
_MIX = np.int64(-7046029254386353131)  # 2^64 / golden ratio, odd: spreads sums of hashes

Rows = NDArray[np.int32]
Pairs = tuple[Rows, Rows]
"""Rows of the left and of the right list, pair by pair; ascending, each pair once."""
Keys = dict[str, tuple[Hashes, Rows]]
"""Keys by kind, each with the row that holds it; a row may hold several of a kind."""


def keys_of(weighed: Weighed) -> Keys:
    """Give the keys under which records meet."""
    table = weighed.table
    rarest = np.argsort(-weighed.words, axis=1, kind="stable")[:, :RARE_WORDS]
    words = np.take_along_axis(table.words, rarest, axis=1)
    telling = np.where(np.take_along_axis(weighed.words, rarest, axis=1) >= TELLING, words, 0)
    number, first, second = table.numbers[:, 0], words[:, 0], words[:, 1]
    columns = {
        "tax": table.tax,
        "phone": table.phone,
        "page": table.page,
        "domain": table.domain,
        "label": table.label,
        "name": table.name,
        "house": _joined(table.street, number, table.area),
        "place": _joined(table.postcode, number, table.country),
        "two words": _joined(
            np.minimum(first, second),
            np.maximum(first, second),
            np.minimum(first != 0, second != 0).astype(np.int64),
        ),
        "word": words,
        "word and postcode": _joined(words, table.postcode[:, None]),
        "word and city": _joined(telling, table.city[:, None]),
        "start": table.start,
    }
    return {kind: _held(column) for kind, column in columns.items()}


def _held(column: Hashes) -> tuple[Hashes, Rows]:
    wide = column if column.ndim == 2 else column[:, None]
    rows, places = np.nonzero(wide)
    return wide[rows, places], rows.astype(np.int32)


def _joined(*columns: Hashes) -> Hashes:
    key = columns[0]
    present = key != 0
    for column in columns[1:]:
        key = (key ^ (key >> np.int64(29))) * _MIX + column
        present = present & (column != 0)
    return np.where(present, key, 0)


@dataclass(frozen=True, slots=True)
class _Column:
    """Keys of one kind, ascending and each once, with where their rows begin and how many."""

    keys: Hashes
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    rows: Rows

    @classmethod
    def of(cls, values: Hashes, rows: Rows) -> _Column:
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        first = (
            np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
            if len(ordered)
            else np.empty(0, dtype=np.int64)
        )
        return cls(ordered[first], first, np.diff(first, append=len(ordered)), rows[order])


@dataclass(frozen=True, slots=True)
class Index:
    """A list by its keys."""

    size: int
    columns: dict[str, _Column]

    @classmethod
    def of(cls, weighed: Weighed) -> Index:
        """Index a list."""
        return cls(
            len(weighed.table),
            {kind: _Column.of(values, rows) for kind, (values, rows) in keys_of(weighed).items()},
        )


def candidates(left: Keys, index: Index, *, crowds: bool = True) -> Pairs:
    """Pair the holders of each key on the left with those in the index.

    Frequent keys are left out; of those that name a whole company a few pairs stay for each
    record, so that a crowd of equal records is seen and not taken for new ones.  ``crowds``: for
    each record of the index, too, whatever their number.
    """
    found = [np.empty(0, dtype=np.int64)]
    for kind, (keys, holders) in left.items():
        values, rows = keys, holders
        column = index.columns[kind]
        if not len(column.keys):
            continue
        if len(values) > 1:
            # neighbours in the index are looked up one after the other: far fewer cache misses
            order = np.argsort(values, kind="stable")
            values, rows = values[order], rows[order]
        at = np.minimum(np.searchsorted(column.keys, values), len(column.keys) - 1)
        hit = column.keys[at] == values
        at, ours = at[hit], rows[hit]
        count = column.count[at]
        if kind in _WHOLE:
            many = count > CAP
            if crowds and many.any():
                found.append(_crowds(column, at[many], ours[many], index.size))
            count = np.where(many, SAMPLE, count)
        few = count <= (WEAK_CAP if kind in _WEAK else CAP)
        low, count, ours = column.first[at[few]], count[few], ours[few]
        if len(ours):
            found.append(_expanded(column, low, count, ours, index.size))
    pairs = np.unique(np.concatenate(found))
    size = max(index.size, 1)
    return (pairs // size).astype(np.int32), (pairs % size).astype(np.int32)


def _expanded(
    column: _Column, low: NDArray[np.int64], count: NDArray[np.int64], ours: Rows, size: int
) -> NDArray[np.int64]:
    """Pair each row with ``count`` rows of the index from ``low`` on, all in one go."""
    steps = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    right = column.rows[np.repeat(low, count) + steps]
    pairs: NDArray[np.int64] = np.repeat(ours, count) * np.int64(size) + right
    return pairs


def _crowds(column: _Column, at: NDArray[np.int64], ours: Rows, size: int) -> NDArray[np.int64]:
    """Pair every holder of a frequent key in the index with the first few on the left."""
    ordered = np.argsort(at, kind="stable")
    at, ours = at[ordered], ours[ordered]
    begins = np.flatnonzero(np.concatenate(([True], at[1:] != at[:-1])))
    rank = np.arange(len(at)) - np.repeat(begins, np.diff(begins, append=len(at)))
    first = rank < SAMPLE
    at, ours = at[first], ours[first]
    return _expanded(column, column.first[at], column.count[at], ours, size)
