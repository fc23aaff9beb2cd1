"""Lists in CSV files: matched, scored, measured, learnt from; and files that cannot be used."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from interlock.errors import ConfigurationError
from interlock.matching.score import default_weights
from interlock.service.companies import read_companies
from interlock.service.matching import (
    learn_weights,
    load_weights,
    match_files,
    measure,
    score_given,
)

WEIGHTS = default_weights()
LEFT = """id,name,website,street,city,postcode,country,phone
C1,Acme Widgets GmbH,acme.example.de,Hauptstraße 12,Köln,50667,DE,0221 1234567
C2,Acme Widgets,,Hauptstr. 12,Köln,50667,DE,0221/1234567
C3,Nordlicht Optik AG,,Am Hafen 3,Kiel,24103,DE,
"""
RIGHT = """id;phone;name;street;city;postcode;country;note
E1;+49 221 1234567;ACME WIDGETS GMBH;Hauptstrasse 12;Koeln;50667;DE;ours
E2;;Vandel Foods AB;Storgatan 1;Lund;22100;SE;
"""


@pytest.fixture
def left(tmp_path: Path) -> Path:
    path = tmp_path / "left.csv"
    path.write_text(LEFT, encoding="utf-8-sig")
    return path


@pytest.fixture
def right(tmp_path: Path) -> Path:
    path = tmp_path / "right.csv"
    path.write_text(RIGHT)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(folder: Path, text: str) -> Path:
    path = folder / "given.csv"
    path.write_text(text)
    return path


def test_two_lists_are_matched_and_every_pair_explained(left: Path, right: Path) -> None:
    out, doubles = left.with_name("out.csv"), left.with_name("doubles.csv")
    found = match_files(left, right, out, weights=WEIGHTS, duplicates=doubles)
    scored = {row["left_id"]: row for row in rows(out)}
    assert {row["right_id"] for row in scored.values()} == {"E1"}
    assert scored["C1"]["band"] == "link"
    assert 0.5 < float(scored["C1"]["probability"]) <= 1
    assert WEIGHTS.version in scored["C1"]["explanation"]
    assert "a duplicate in the left list owns it" in scored["C2"]["explanation"]
    assert (found.unmatched_left, found.unmatched_right) == (1, 1)
    assert [(r["list"], r["survivor_id"], r["duplicate_id"]) for r in rows(doubles)] == [
        ("left", "C1", "C2")
    ]


def test_given_pairs_are_scored_in_their_order(left: Path, right: Path, tmp_path: Path) -> None:
    given = write(tmp_path, "left_id,right_id\nC3,E2\nC1,E1\nC3,E2\n")
    out = tmp_path / "out.csv"
    assert score_given(left, right, given, out, weights=WEIGHTS) == 3
    assert [(r["left_id"], r["band"]) for r in rows(out)] == [
        ("C3", "none"),
        ("C1", "link"),
        ("C3", "none"),
    ]


def test_an_explanation_adds_up_in_the_file(left: Path, right: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    score_given(left, right, write(tmp_path, "left_id,right_id\nC1,E1\n"), out, weights=WEIGHTS)
    parts, _, rest = rows(out)[0]["explanation"].partition(" = ")
    total = sum(float(word) for word in parts.split()[1::2])
    assert total == pytest.approx(float(rest.split()[0]), abs=0.01)


def test_links_are_measured_on_whole_lists(left: Path, right: Path, tmp_path: Path) -> None:
    truth = write(tmp_path, "left_id,right_id\nC1,E1\nC2,E1\nC3,E2\n")
    found = measure(left, right, truth, weights=WEIGHTS)
    assert found.figures.link_precision == 1.0
    assert found.figures.recall == pytest.approx(2 / 3)
    assert found.candidate_recall == pytest.approx(2 / 3)


def test_labelled_pairs_are_measured_one_by_one(left: Path, right: Path, tmp_path: Path) -> None:
    truth = write(tmp_path, "left_id,right_id,label\nC1,E1,1\nC3,E1,0\nC3,E2,1\n")
    found = measure(left, right, truth, weights=WEIGHTS)
    assert (found.figures.precision, found.figures.recall) == (1.0, 0.5)
    assert found.candidate_recall is None


def decided(folder: Path, count: int) -> tuple[Path, Path, Path]:
    left, right = folder / "l.csv", folder / "r.csv"
    names = [f"Firma {chr(65 + n % 26)}{chr(65 + n // 26)}lson {n} Bau" for n in range(count * 2)]
    left.write_text("id,name\n" + "".join(f"C{n},{x}\n" for n, x in enumerate(names)))
    right.write_text("id,name\n" + "".join(f"E{n},{x} GmbH\n" for n, x in enumerate(names)))
    pairs = [f"C{n},E{n},1\n" for n in range(count)]
    pairs += [f"C{n + count},E{n + count - 1 if n else count + 1},0\n" for n in range(count)]
    return left, right, write(folder, "left_id,right_id,label\n" + "".join(pairs))


def test_weights_are_learnt_into_a_file_of_their_own(tmp_path: Path) -> None:
    left, right, given = decided(tmp_path, 60)
    out = tmp_path / "weights.json"
    learnt = learn_weights(left, right, given, out, before=WEIGHTS, version="ours-1")
    assert load_weights(out) == learnt.weights
    assert learnt.weights.version == "ours-1"
    assert learnt.after.f1 >= learnt.before.f1
    assert load_weights(None) == WEIGHTS, "nothing changes unless somebody names the file"


def test_few_decisions_are_no_ground_to_learn_on(tmp_path: Path) -> None:
    left, right, given = decided(tmp_path, 5)
    with pytest.raises(ConfigurationError, match="too few"):
        learn_weights(left, right, given, tmp_path / "w.json", before=WEIGHTS, version="v")
    assert not (tmp_path / "w.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nAcme\n", "no column 'id'"),
        ("", "no column 'id'"),
        ("id,name\nA,x\nA,y\n", "'A' stands there twice"),
        ("id,name\nA,x\n,y\n", ":3: a record has no id"),
    ],
)
def test_a_list_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_companies(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.csv"):
        read_companies(tmp_path / "nowhere.csv")
    with pytest.raises(ConfigurationError, match=r"nowhere\.json"):
        load_weights(tmp_path / "nowhere.json")


def test_short_rows_and_odd_bytes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(b"id,name,phone\nA\nB,\xff\xfe caf\xe9\x00,1,2,3\n\n")
    assert read_companies(path).ids.tolist() == ["A", "B"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("left_id,right_id,label\nC1,E1,yes\n", "label is 1"),
        ("left_id,right_id,label\nC1,E9,1\n", "no record 'E9' on the right"),
        ("left_id,right_id\nC9,E1\n", "no record 'C9' on the left"),
        ("left,right\nC1,E1\n", "no column 'left_id'"),
    ],
)
def test_a_truth_that_cannot_be_used_says_why(
    left: Path, right: Path, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        measure(left, right, write(tmp_path, text), weights=WEIGHTS)


def test_folds_need_labels_of_both_kinds(left: Path, right: Path, tmp_path: Path) -> None:
    for text in ("left_id,right_id\nC1,E1\n", "left_id,right_id,label\nC1,E1,1\n"):
        with pytest.raises(ConfigurationError):
            measure(left, right, write(tmp_path, text), weights=WEIGHTS, folds=5)
