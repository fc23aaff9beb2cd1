"""Score: additive log-odds, explained field by field, and the band it falls into."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib import resources

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock.matching.levels import FIELDS, LEVELS, Numbers

__all__ = [
    "Band",
    "Explanation",
    "Weights",
    "bands",
    "default_weights",
    "explain",
    "logits",
    "probabilities",
]

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
    weights: str

    def __str__(self) -> str:
        """Tell it in one line: contributions, what they rest on, and the weights' version."""
        parts = " ".join(f"{field} {value:+.3f}" for field, value in self.contributions.items())
        why = "; ".join(self.reasons)
        return f"{parts} = {self.score:+.3f} ({why}) [{self.weights}]"


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


def bands(scores: Logits, sure: NDArray[np.bool_], weights: Weights) -> NDArray[np.str_]:
    """Sort pairs into bands; a link needs two kinds of evidence (``sure``) besides its score."""
    likely = probabilities(scores)
    return np.where(
        sure & (likely >= weights.link_at),
        Band.LINK.value,
        np.where(likely >= weights.review_at, Band.REVIEW.value, Band.NONE.value),
    )


def explain(
    levels: Numbers, weights: Weights, competition: Logits | None = None
) -> list[Explanation]:
    """Explain pairs; ``competition``: what rivals take off each score."""
    parts = levels.astype(np.float64) * weights.vector()
    sums = np.add.reduceat(parts, _FIRST, axis=1)
    given = np.add.reduceat(levels != 0, _FIRST, axis=1) > 0
    telling = np.abs(parts) >= 0.1
    telling[:, _LESSER] &= levels[:, :1] == 0
    rivals = np.zeros(len(levels)) if competition is None else competition
    found = []
    for values, shown, tell, rival in zip(
        sums.tolist(), given.tolist(), telling, rivals.tolist(), strict=True
    ):
        contributions = {"start": weights.start}
        contributions |= {
            field: value for field, value, show in zip(FIELDS, values, shown, strict=True) if show
        }
        reasons = [_WORDS[column] for column in np.flatnonzero(tell).tolist()]
        if rival:
            contributions["competition"] = rival
        if rival < -0.1:
            reasons.append("others in the list compete")
        found.append(
            Explanation(
                score=sum(contributions.values()),
                contributions=contributions,
                reasons=reasons,
                weights=weights.version,
            )
        )
    return found


_WORDS = [level.words for level in LEVELS]
# the first level is "same name"; where it holds, likeness needs no mention
_LESSER = [
    c
    for c, level in enumerate(LEVELS)
    if level.field == "name" and level.name in {"alike", "typo", "within"}
]
_FIRST = [next(c for c, level in enumerate(LEVELS) if level.field == field) for field in FIELDS]
