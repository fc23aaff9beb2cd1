"""Weights learnt from decisions, and what they are measured on."""

from __future__ import annotations

import numpy as np
import pytest

from interlock.matching.learn import (
    components,
    cross_validate,
    figures,
    fit,
    folds_of,
    link_line,
    measured,
)
from interlock.matching.levels import LEVELS, Numbers
from interlock.matching.score import default_weights, logits, probabilities
from interlock.matching.table import Company
from tests.unit.matching.lists import ACME, ACME_TOO, OTHER, compared

SAME = compared(ACME, ACME_TOO)
APART = compared(ACME, OTHER)


def decisions(same: int, apart: int) -> tuple[Numbers, np.ndarray]:
    levels = np.concatenate([SAME] * same + [APART] * apart)
    return levels, np.array([True] * same + [False] * apart)


def test_weights_are_learnt_from_labels_alone() -> None:
    levels, labels = decisions(30, 30)
    weights = fit(levels, labels, version="v")
    likely = probabilities(logits(levels, weights))
    assert likely[:30].min() > 0.9
    assert likely[30:].max() < 0.1
    assert weights.version == "v"


def test_few_decisions_move_given_weights_little_and_many_move_them_more() -> None:
    before = default_weights()

    def moved(count: int) -> float:
        # people say of this pair what the weights do not
        levels, labels = np.concatenate([APART] * count), np.ones(count, dtype=np.bool_)
        after = fit(levels, labels, version="v", prior=before, strength=20)
        return float(np.abs(after.vector() - before.vector()).max()) + abs(
            after.start - before.start
        )

    assert 0 < moved(2) < moved(40)


def test_a_level_that_would_count_against_its_meaning_counts_nothing() -> None:
    one = Company(id="a", name="Acme", phone="0221 123456")
    levels = np.concatenate([compared(one, one)] * 20 + [compared(ACME, OTHER)] * 20)
    backwards = np.array([False] * 20 + [True] * 20)
    weights = fit(levels, backwards, version="v")
    for level, value in zip(LEVELS, weights.vector(), strict=True):
        assert value * level.sign >= 0, level


def test_the_line_for_links_is_as_low_as_the_precision_allows() -> None:
    levels, labels = decisions(50, 50)
    weights = fit(levels, labels, version="v")
    assert link_line(levels, labels, weights, precision=0.99) == 0.5
    # half of the sure pairs are wrong: no line is good enough
    wrong = np.array([True, False] * 25 + [False] * 50)
    assert link_line(levels, wrong, weights, precision=0.99) == 0.995


def test_pairs_that_share_a_record_stay_in_one_fold() -> None:
    pairs = [(0, 0), (0, 1), (1, 1), (2, 5), (3, 6), (4, 6)]
    parts = components(pairs)
    assert parts[0] == parts[1] == parts[2]
    assert parts[4] == parts[5] != parts[3] != parts[0]
    folds = folds_of(pairs, 2, seed=3)
    assert folds[0] == folds[1] == folds[2]
    assert folds[4] == folds[5]


def test_figures_are_counted_as_they_are_defined() -> None:
    labels = np.array([True, True, False, False])
    found = measured(
        labels,
        np.array([True, False, True, False]),
        np.array([True, False, False, False]),
        0.9,
        total=4,
    )
    assert (found.precision, found.recall) == (0.5, 0.25)
    assert found.f1 == pytest.approx(1 / 3)
    assert (found.link_precision, found.link_recall) == (1.0, 0.25)


def test_cross_validation_measures_what_was_not_learnt() -> None:
    levels, labels = decisions(20, 20)
    pairs = [(n, n) for n in range(40)]
    assert cross_validate(levels, labels, pairs).f1 == 1.0
    # labels that follow nothing cannot be learnt, though they can be remembered
    noise = np.random.default_rng(1).random(40) < 0.5
    assert cross_validate(levels, noise, pairs).f1 < 0.9
    assert figures(levels, labels, default_weights()).pairs == 40
