"""The commands of matching, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interlock.cli import run

LEFT = "id,name,city,postcode,phone\nC1,Acme Widgets GmbH,Köln,50667,0221 1234567\nC2,Zyx,,,\n"
RIGHT = "id,name,city,postcode,phone\nE1,ACME WIDGETS,Köln,50667,+492211234567\nE2,Quorl,,,\n"


@pytest.fixture
def lists(tmp_path: Path) -> list[str]:
    for name, text in (("left.csv", LEFT), ("right.csv", RIGHT)):
        (tmp_path / name).write_text(text)
    return [str(tmp_path / "left.csv"), str(tmp_path / "right.csv")]


def test_files_says_what_it_found(
    lists: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scored.csv"
    assert run(["match", "files", *lists, "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["link"], found["review"], found["unmatched_left"]) == (1, 0, 1)
    assert out.read_text().splitlines()[1].startswith("C1,E1,")


def test_a_pair_to_review_needs_a_person(lists: list[str], tmp_path: Path) -> None:
    Path(lists[1]).write_text("id,name\nE1,Acme Widgets GmbH\n")
    assert run(["match", "files", *lists, "--out", str(tmp_path / "scored.csv")]) == 3


def test_pairs_and_quality_share_one_truth(
    lists: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, out = tmp_path / "truth.csv", tmp_path / "scored.csv"
    truth.write_text("left_id,right_id,label\nC1,E1,1\nC2,E2,0\n")
    assert run(["match", "pairs", *lists, str(truth), "--out", str(out)]) == 0
    assert "2 pairs" in capsys.readouterr().out
    assert run(["match", "quality", *lists, str(truth)]) == 0
    assert "1.0000" in capsys.readouterr().out


def test_too_few_decisions_are_refused_in_plain_words(
    lists: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("left_id,right_id,label\nC1,E1,1\nC2,E2,0\n")
    assert run(["match", "learn", *lists, str(truth), "--out", str(tmp_path / "w.json")]) == 2
    assert "too few" in capsys.readouterr().err
