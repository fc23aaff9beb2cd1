"""What the matcher must reach on the developers' labelled sets."""

from __future__ import annotations

from interlock.matching.score import default_weights
from interlock.service.matching import measure
from tests.unit.matching.lists import data_folder

WEIGHTS = default_weights()


def test_real_places_cross_validated() -> None:
    folder = data_folder("places-dev")
    found = measure(folder / "left.csv", folder / "right.csv", folder / "pairs.csv",
                    weights=WEIGHTS, folds=5).figures  # fmt: skip
    assert found.f1 >= 0.88
    assert found.link_precision >= 0.95
    assert found.link_recall >= 0.70


def test_real_places_with_the_weights_we_ship() -> None:
    folder = data_folder("places-dev")
    found = measure(folder / "left.csv", folder / "right.csv", folder / "pairs.csv",
                    weights=WEIGHTS).figures  # fmt: skip
    assert found.f1 >= 0.88
    assert found.link_precision >= 0.95
    assert found.link_recall >= 0.70


def test_invented_companies() -> None:
    folder = data_folder("synthetic-5k")
    found = measure(folder / "left.csv", folder / "right.csv", folder / "gold.csv", weights=WEIGHTS)
    assert found.candidate_recall is not None
    assert found.candidate_recall >= 0.98
    figures = found.figures
    assert figures.precision >= 0.995
    assert figures.recall >= 0.90
    assert figures.link_precision >= 0.995
    assert figures.link_recall >= 0.90
