"""How rare words, names, domains and phones are in the lists at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interlock.matching.table import Hashes, Table
from interlock.matching.vocabulary import COMMON_WORDS

__all__ = ["Counts", "Rarity", "Weighed"]

_PRIOR = 2_000
"""Records the common words are taken from before any record of the lists is seen."""
_COMMON_SHARE = 0.02
_COMMON = np.array(sorted(hash(word) for word in COMMON_WORDS), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records hold a key; ``keys`` ascending."""

    keys: Hashes
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, values: Hashes) -> Counts:
        """Count the keys of a column."""
        keys, counts = np.unique(values[values != 0], return_counts=True)
        return cls(keys, counts.astype(np.int64))

    def of_each(self, values: Hashes) -> NDArray[np.int64]:
        """Give the count of each value, 0 for those never seen."""
        if not len(self.keys):
            return np.zeros(values.shape, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.keys, values), len(self.keys) - 1)
        return np.where(self.keys[at] == values, self.counts[at], 0)

    def frequency(self, values: Hashes) -> NDArray[np.float32]:
        """0 for what a pair of records has, 2 for what a hundred have and more."""
        counts = np.maximum(self.of_each(values), 1)
        return np.clip(np.log2(counts / 2) / 3, 0, 2).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Rarity:
    """Counts over both lists together."""

    size: int
    words: Counts
    names: Counts
    domains: Counts
    phones: Counts

    @classmethod
    def of(cls, *tables: Table) -> Rarity:
        """Count over the records of all lists given."""
        joined = {
            column: np.concatenate([getattr(t, column).ravel() for t in tables])
            for column in ("words", "name", "domain", "phone")
        }
        return cls(
            sum(map(len, tables)),
            Counts.of(joined["words"]),
            Counts.of(joined["name"]),
            Counts.of(joined["domain"]),
            Counts.of(joined["phone"]),
        )

    def word_weights(self, words: Hashes) -> NDArray[np.float32]:
        """Information of each word in bits: how much rarer than all records it is."""
        weights = np.zeros(words.shape, dtype=np.float32)
        held = words != 0
        some = words[held]
        at = np.minimum(np.searchsorted(_COMMON, some), len(_COMMON) - 1)
        counts = self.words.of_each(some) + (_COMMON[at] == some) * (_PRIOR * _COMMON_SHARE)
        weights[held] = np.log2((self.size + _PRIOR) / (counts + 1.0))
        return weights


@dataclass(frozen=True, slots=True)
class Weighed:
    """A list with the rarity of what its records hold, looked up once."""

    table: Table
    words: NDArray[np.float32]
    total: NDArray[np.float32]
    names: NDArray[np.float32]
    domains: NDArray[np.float32]
    phones: NDArray[np.float32]

    @classmethod
    def of(cls, table: Table, rarity: Rarity) -> Weighed:
        """Look up every record of a list."""
        words = rarity.word_weights(table.words)
        return cls(
            table,
            words,
            words.sum(axis=1),
            rarity.names.frequency(table.name),
            rarity.domains.frequency(table.domain),
            rarity.phones.frequency(table.phone),
        )
