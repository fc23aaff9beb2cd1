"""Estimate the weights the product ships with, and measure them by cross-validation.

Usage: python benchmarks/matching_weights.py DATA_FOLDER [--write]
DATA_FOLDER holds the developers' sets places-dev and synthetic-5k.  ``--write`` stores the
weights in src/interlock/matching/default_weights.json; what was done stands in
docs/how-to/matching.md.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import msgspec
import numpy as np

from interlock.matching.candidates import Index, candidates, keys_of
from interlock.matching.learn import figures, fit, folds_of, measured
from interlock.matching.levels import LEVELS, certain, compare
from interlock.matching.rarity import Rarity, Weighed
from interlock.matching.score import logits, probabilities
from interlock.matching.table import Company, Table, tabulate

TARGET = Path(__file__).parents[1] / "src/interlock/matching/default_weights.json"
VERSION = "default-1"
LINK_AT = 0.85
# how much a pair of the invented set counts against a real one; pairs that could be automatic
# links count more, since it is there that "same company" and "same place" pull apart
INVENTED, INVENTED_SURE = 0.3, 1.5
# copies of each pair with all but these fields blanked, so that lists with few columns get
# honest probabilities
BLANKED, SPARSE = 0.03, ((), ("street", "place"), ("website",), ("phone",))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tables(folder: Path) -> tuple[Table, Table]:
    left, right = (
        tabulate(Company(**row) for row in rows(folder / f"{side}.csv"))
        for side in ("left", "right")
    )
    return left, right


class Labelled:
    """Labelled pairs of one set; without pairs.csv the candidates, labelled by gold.csv."""

    def __init__(self, folder: Path) -> None:
        left, right = tables(folder)
        rarity = Rarity.of(left, right)
        sides = Weighed.of(left, rarity), Weighed.of(right, rarity)
        ours = {key: row for row, key in enumerate(left.ids)}
        theirs = {key: row for row, key in enumerate(right.ids)}
        gold = {(ours[r["left_id"]], theirs[r["right_id"]]) for r in rows(folder / "gold.csv")}
        self.total = len(gold)
        if (folder / "pairs.csv").exists():
            listed = rows(folder / "pairs.csv")
            pairs = (
                np.array([ours[r["left_id"]] for r in listed], dtype=np.int32),
                np.array([theirs[r["right_id"]] for r in listed], dtype=np.int32),
            )
            self.labels = np.array([r["label"] == "1" for r in listed])
        else:
            pairs = candidates(keys_of(sides[0]), Index.of(sides[1]))
            self.labels = np.array(
                [p in gold for p in zip(*map(np.ndarray.tolist, pairs), strict=True)]
            )
        self.levels = compare(*sides, pairs)
        self.pairs = list(zip(pairs[0].tolist(), pairs[1].tolist(), strict=True))
        self.sure = certain(self.levels)


def estimate(real: Labelled, invented: Labelled, real_rows, invented_rows, version: str):
    counts = np.where(invented.sure, INVENTED_SURE, INVENTED)[invented_rows]
    parts = [
        (real.levels[real_rows], real.labels[real_rows], np.ones(int(real_rows.sum()))),
        (invented.levels[invented_rows], invented.labels[invented_rows], counts),
    ]
    for kept in SPARSE:
        blank = np.array([level.field not in ("name", *kept) for level in LEVELS])
        for (levels, labels, _), count in zip(parts[:2], (1.0, INVENTED), strict=True):
            sparse = levels.copy()
            sparse[:, blank] = 0
            parts.append((sparse, labels, np.full(len(labels), BLANKED * count)))
    levels, labels, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    weights = fit(levels, labels, version=version, counts=counts)
    return msgspec.structs.replace(weights, link_at=LINK_AT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    sets = [Labelled(options.folder / name) for name in ("places-dev", "synthetic-5k")]
    folds = [folds_of(each.pairs, 5, seed=0) for each in sets]
    likely = [np.zeros(len(each.labels)) for each in sets]
    for number in range(5):
        weights = estimate(*sets, *(fold != number for fold in folds), version=f"fold {number}")
        for each, fold, line in zip(sets, folds, likely, strict=True):
            line[fold == number] = probabilities(logits(each.levels[fold == number], weights))
    for name, each, line in zip(("places-dev", "synthetic-5k"), sets, likely, strict=True):
        print(
            "5-fold",
            name,
            measured(each.labels, line >= 0.5, each.sure & (line >= LINK_AT), LINK_AT, each.total),
        )
    everything = estimate(*sets, *(fold >= 0 for fold in folds), version=VERSION)
    for name, each in zip(("places-dev", "synthetic-5k"), sets, strict=True):
        print("fitted", name, figures(each.levels, each.labels, everything))
    if options.write:
        TARGET.write_bytes(msgspec.json.format(msgspec.json.encode(everything), indent=2) + b"\n")


if __name__ == "__main__":
    main()
