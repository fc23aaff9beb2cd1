"""Score: additive log-odds, explained field by field, and the band it falls into."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib import resources

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock.matching.levels import FIELDS, LEVELS, Numbers, evidence

__all__ = ["Band", "Explanation", "Weights", "bands", "default_weights", "explain", "logits",
           "probabilities"]

Logits = NDArray[np.float64]


class Band(StrEnum):
    """What is done about a pair."""

    LINK = "link"
    REVIEW = "review"
    NONE = "none"


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Log-odds a level adds for each unit; ``levels`` by "field.level", absent ones add 0."""

    version: str
    start: float
    """Log-odds of a candidate pair about which nothing is known."""
    levels: dict[str, float]
    link_at: float = 0.85
    """Probability from which a pair with two kinds of evidence is linked without a person."""
    review_at: float = 0.2

    def vector(self) -> NDArray[np.float64]:
        """Weights in the order of :data:`interlock.matching.levels.LEVELS`."""
        return np.array([self.levels.get(f"{level.field}.{level.name}", 0.0) for level in LEVELS])


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a score is what it is: ``contributions`` add up to ``score``, in log-odds."""

    score: float
    contributions: dict[str, float]
    reasons: Sequence[str]
    kinds: Sequence[str]
    weights: str

    def __str__(self) -> str:
        """Tell it in one line: contributions, then what they rest on."""
        parts = " ".join(f"{field} {value:+.2f}" for field, value in self.contributions.items())
        return f"{parts} = {self.score:+.2f} ({'; '.join(self.reasons)}) [{self.weights}]"


@cache
def default_weights() -> Weights:
    """Weights the product ships with; where they come from stands in docs/how-to/matching.md."""
    text = resources.files(__package__).joinpath("default_weights.json").read_bytes()
    return msgspec.json.decode(text, type=Weights)


def logits(levels: Numbers, weights: Weights) -> Logits:
    """Score pairs in log-odds."""
    return np.asarray(levels @ weights.vector() + weights.start, dtype=np.float64)


def probabilities(scores: Logits) -> NDArray[np.float64]:
    """Log-odds as probabilities."""
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -50, 50))), dtype=np.float64)


def bands(scores: Logits, levels: Numbers, weights: Weights) -> NDArray[np.str_]:
    """Sort pairs into bands; a link needs two independent kinds of evidence besides its score."""
    likely = probabilities(scores)
    certain = (likely >= weights.link_at) & (evidence(levels).sum(axis=1) >= 2)
    return np.where(certain, Band.LINK.value,
                    np.where(likely >= weights.review_at, Band.REVIEW.value, Band.NONE.value))


def explain(levels: Numbers, kinds: Sequence[str], weights: Weights, *, competition: float = 0.0
            ) -> Explanation:
    """Explain one pair: ``levels`` is its row; ``competition`` what rivals take off."""
    parts = levels.astype(np.float64) * weights.vector()
    contributions = {"start": weights.start}
    reasons = []
    for field in FIELDS:
        columns = [c for c, level in enumerate(LEVELS) if level.field == field and levels[c]]
        if columns:
            contributions[field] = float(parts[columns].sum())
            reasons += [LEVELS[c].words for c in columns if abs(parts[c]) >= 0.1]
    if competition:
        contributions["competition"] = competition
        reasons.append("others in the list compete")
    return Explanation(score=sum(contributions.values()), contributions=contributions,
                       reasons=reasons, kinds=kinds, weights=weights.version)
