"""Learning: weights re-estimated from decisions, with figures before and after."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock.matching.levels import LEVELS, Numbers, certain
from interlock.matching.score import Weights, logits, probabilities

__all__ = [
    "Figures",
    "components",
    "cross_validate",
    "figures",
    "fit",
    "folds_of",
    "link_line",
    "measured",
]

Labels = NDArray[np.bool_]
_STEPS = 50
_SIGNS = np.array([0] + [level.sign for level in LEVELS])


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How well scores agree with labels: at the decision line, and of automatic links."""

    pairs: int
    precision: float
    recall: float
    f1: float
    link_at: float
    link_precision: float
    link_recall: float


def fit(
    levels: Numbers,
    labels: Labels,
    *,
    version: str,
    prior: Weights | None = None,
    strength: float = 1.0,
    counts: NDArray[np.float64] | None = None,
    precision: float = 0.96,
) -> Weights:
    """Estimate weights by regularised logistic regression.

    ``prior``: weights that few decisions should not move far from; without it, none.
    ``strength``: how many decisions the prior is worth, roughly.  ``counts``: how often each row
    counts.  ``precision``: what the automatic line is set for, on these labels.
    """
    rows = np.column_stack((np.ones(len(levels)), levels.astype(np.float64)))
    target = labels.astype(np.float64)
    count = np.ones(len(rows)) if counts is None else counts
    towards = np.zeros(rows.shape[1])
    pull = np.full(rows.shape[1], strength)
    if prior is None:
        pull[0] = 1e-6
    else:
        towards = np.concatenate(([prior.start], prior.vector()))
    free = np.ones(rows.shape[1], dtype=np.bool_)
    solution = towards.copy()
    while True:
        solution[free] = _solve(rows[:, free], target, count, towards[free], pull[free])
        # a level that would count against its meaning counts nothing
        wrong = free & (solution * _SIGNS < 0)
        if not wrong.any():
            break
        solution[wrong], free[wrong] = 0.0, False
    weights = Weights(
        version=version,
        start=round(float(solution[0]), 4),
        levels={
            f"{level.field}.{level.name}": round(float(value), 4)
            for level, value in zip(LEVELS, solution[1:], strict=True)
        },
        review_at=prior.review_at if prior is not None else 0.2,
    )
    return msgspec.structs.replace(
        weights, link_at=link_line(levels, labels, weights, precision=precision)
    )


def _solve(
    rows: NDArray[np.float64],
    target: NDArray[np.float64],
    count: NDArray[np.float64],
    towards: NDArray[np.float64],
    pull: NDArray[np.float64],
) -> NDArray[np.float64]:
    def loss(at: NDArray[np.float64]) -> float:
        scores = rows @ at
        misfit = count @ (np.logaddexp(0, scores) - target * scores)
        return float(misfit + pull @ (at - towards) ** 2 / 2)

    solution = towards.copy()
    for _ in range(_STEPS):
        likely = probabilities(rows @ solution)
        slope = rows.T @ (count * (likely - target)) + pull * (solution - towards)
        curve = (rows * (count * likely * (1 - likely))[:, None]).T @ rows + np.diag(pull)
        step = np.linalg.solve(curve, slope)
        # far from the goal a full step overshoots
        before = loss(solution)
        while loss(solution - step) > before and np.abs(step).max() > 1e-9:
            step /= 2
        solution -= step
        if np.abs(step).max() < 1e-7:
            break
    return solution


def link_line(
    levels: Numbers, labels: Labels, weights: Weights, *, precision: float, lowest: float = 0.5
) -> float:
    """The lowest probability from which automatic links are as precise as asked, to 0.005."""
    likely = probabilities(logits(levels, weights))
    sure = certain(levels)
    for line in np.arange(lowest, 0.995, 0.005):
        chosen = sure & (likely >= line)
        if not chosen.any() or labels[chosen].mean() >= precision:
            return round(float(line), 3)
    return 0.995


def figures(levels: Numbers, labels: Labels, weights: Weights) -> Figures:
    """Measure weights on labelled pairs."""
    likely = probabilities(logits(levels, weights))
    sure = certain(levels)
    return measured(labels, likely >= 0.5, sure & (likely >= weights.link_at), weights.link_at)


def measured(
    labels: Labels, positive: Labels, linked: Labels, link_at: float, total: int | None = None
) -> Figures:
    """Precision and recall of two selections; ``total``: all true pairs, found or not."""
    total = int(labels.sum()) if total is None else total
    right, chosen = int((labels & positive).sum()), int(positive.sum())
    precision, recall = right / max(chosen, 1), right / max(total, 1)
    return Figures(
        pairs=len(labels),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / max(precision + recall, 1e-9),
        link_at=link_at,
        link_precision=int((labels & linked).sum()) / max(int(linked.sum()), 1),
        link_recall=int((labels & linked).sum()) / max(total, 1),
    )


def components(pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Connected component of each pair; pairs that share a record are in one."""
    parent: dict[tuple[int, int], tuple[int, int]] = {}

    def find(node: tuple[int, int]) -> tuple[int, int]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for left, right in pairs:
        parent[find((0, left))] = find((1, right))
    numbers: dict[tuple[int, int], int] = {}
    return [numbers.setdefault(find((0, left)), len(numbers)) for left, _ in pairs]


def folds_of(pairs: Sequence[tuple[int, int]], folds: int, seed: int) -> NDArray[np.int64]:
    """Deal pairs into folds; a component stays together."""
    parts = np.array(components(pairs), dtype=np.int64)
    shuffled = np.random.default_rng(seed).permutation(int(parts.max(initial=-1)) + 1)
    return np.asarray(shuffled[parts] % folds, dtype=np.int64)


def cross_validate(
    levels: Numbers,
    labels: Labels,
    pairs: Sequence[tuple[int, int]],
    *,
    folds: int = 5,
    seed: int = 0,
    strength: float = 1.0,
    precision: float = 0.96,
    prior: Weights | None = None,
) -> Figures:
    """Measure weights on pairs they were not estimated from, line for links included."""
    fold = folds_of(pairs, folds, seed)
    positive, linked = np.zeros(len(labels), dtype=np.bool_), np.zeros(len(labels), dtype=np.bool_)
    lines = []
    sure = certain(levels)
    for number in range(folds):
        test = fold == number
        weights = fit(
            levels[~test],
            labels[~test],
            version=f"fold {number}",
            strength=strength,
            precision=precision,
            prior=prior,
        )
        likely = probabilities(logits(levels[test], weights))
        positive[test], linked[test] = likely >= 0.5, sure[test] & (likely >= weights.link_at)
        lines.append(weights.link_at)
    return measured(labels, positive, linked, float(np.mean(lines)))
