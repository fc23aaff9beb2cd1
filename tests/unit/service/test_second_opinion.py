"""The second opinion: Splink on the same lists, and what both disagree about."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from interlock.cli import run

Capture = pytest.CaptureFixture[str]
CITIES = ("Köln", "Kiel", "Ulm", "Bonn", "Trier")


@pytest.fixture
def lists(tmp_path: Path) -> list[str]:
    head = "id,name,street,city,postcode,country,phone\n"
    left, right = [head], [head]
    for n in range(60):
        name = f"{chr(65 + n % 26)}{chr(97 + n // 26)}rvik {['Bau', 'Metall', 'Optik', 'Foods'][n % 4]}"
        place = f"Weg {n},{CITIES[n % 5]},{50000 + n * 7},DE,0221 55{n:04d}"
        left.append(f"C{n},{name} GmbH,{place}\n")
        right.append(f"E{n},{name.upper()},{place}\n")
    (tmp_path / "left.csv").write_text("".join(left), encoding="utf-8")
    (tmp_path / "right.csv").write_text("".join(right), encoding="utf-8")
    return [str(tmp_path / "left.csv"), str(tmp_path / "right.csv")]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_both_opinions_stand_side_by_side(
    lists: list[str], tmp_path: Path, capsys: Capture
) -> None:
    pytest.importorskip("splink")
    out = tmp_path / "scored.csv"
    assert run(["match", "files", *lists, "--engine", "splink", "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["both"], found["only_splink"], found["only_own"]) == (60, 0, 0)
    scored = rows(out)
    assert {r["left_id"][1:] for r in scored if r["own_band"] == "link"} == {
        r["right_id"][1:] for r in scored if r["band"] == "link"
    }
    assert {r["disagree"] for r in scored} == {"no"}


def test_given_pairs_keep_their_order_and_disagreement_is_marked(
    lists: list[str], tmp_path: Path, capsys: Capture
) -> None:
    pytest.importorskip("splink")
    pairs, out = tmp_path / "pairs.csv", tmp_path / "scored.csv"
    pairs.write_text("left_id,right_id\nC3,E9\nC1,E1\nC3,E9\nC2,E2\n", encoding="utf-8")
    run(["match", "pairs", *lists, str(pairs), "--engine", "splink", "--out", str(out)])
    scored = rows(out)
    assert [r["left_id"] for r in scored] == ["C3", "C1", "C3", "C2"]
    assert float(scored[0]["probability"]) < 0.5 < float(scored[1]["probability"])
    assert scored[0]["probability"] == scored[2]["probability"]
    for row in scored:
        differ = (float(row["probability"]) >= 0.5) != (float(row["own_probability"]) >= 0.5)
        assert row["disagree"] == ("yes" if differ else "no")


def test_without_splink_the_message_says_what_to_install(
    lists: list[str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "splink", None)
    monkeypatch.setitem(sys.modules, "splink.comparison_library", None)
    out = tmp_path / "scored.csv"
    assert run(["match", "files", *lists, "--engine", "splink", "--out", str(out)]) == 2
    assert "interlock[matching]" in capsys.readouterr().err
    assert not out.exists()


def test_duplicates_are_our_own_engines_business(
    lists: list[str], tmp_path: Path, capsys: Capture
) -> None:
    flags = ["--engine", "splink", "--duplicates", str(tmp_path / "d.csv")]
    assert run(["match", "files", *lists, *flags]) == 2
    assert "--duplicates" in capsys.readouterr().err
