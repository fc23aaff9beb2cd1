"""The second opinion: Splink on the same lists, and what both disagree about."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from interlock.cli import run
from interlock.errors import ConfigurationError

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


@pytest.mark.parametrize("command", ["files", "pairs"])
def test_the_engine_decides_which_database_splink_works_on(
    lists: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    pytest.importorskip("splink")
    import duckdb

    asked = []

    def started() -> object:
        asked.append("spark")
        raise ConfigurationError("Spark did not start") from duckdb.Error()

    monkeypatch.setattr("interlock.matching.second_opinion.spark_api", started)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("left_id,right_id\nC1,E1\n", encoding="utf-8")
    given = [*lists, str(pairs)] if command == "pairs" else lists
    flags = ["--out", str(tmp_path / "scored.csv"), "--engine"]
    assert run(["match", command, *given, *flags, "splink"]) == 0
    assert not asked
    assert run(["match", command, *given, *flags, "splink-spark"]) == 2
    assert asked == ["spark"]


def test_without_pyspark_the_message_says_what_to_install(
    lists: list[str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("splink")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    for module in ("pyspark", "pyspark.errors", "pyspark.sql"):
        monkeypatch.setitem(sys.modules, module, None)
    out = tmp_path / "scored.csv"
    assert run(["match", "files", *lists, "--engine", "splink-spark", "--out", str(out)]) == 2
    assert "interlock[spark]" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("home", [None, "empty"])
def test_without_java_the_message_says_so(
    lists: list[str],
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    home: str | None,
) -> None:
    pytest.importorskip("splink")
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if home is None:
        monkeypatch.delenv("JAVA_HOME", raising=False)
    else:
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / home))
    assert run(["match", "files", *lists, "--engine", "splink-spark"]) == 2
    said = capsys.readouterr().err
    assert "needs Java" in said or "JAVA_HOME=" in said
    assert "install Java 17" in said


def test_spark_connect_is_refused(
    lists: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("splink")
    monkeypatch.setenv("SPARK_REMOTE", "sc://localhost")
    assert run(["match", "files", *lists, "--engine", "splink-spark"]) == 2
    assert "SPARK_REMOTE" in capsys.readouterr().err


@pytest.mark.parametrize("when", ["training", "scoring"])
def test_a_database_that_gives_up_is_named_and_nothing_is_written(
    lists: list[str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    pytest.importorskip("splink")
    import duckdb
    from splink.internals.linker_components.inference import LinkerInference
    from splink.internals.linker_components.training import LinkerTraining

    def fail(*_: object, **__: object) -> None:
        raise duckdb.OutOfMemoryException("Acme GmbH did not fit")

    if when == "training":
        monkeypatch.setattr(LinkerTraining, "estimate_u_using_random_sampling", fail)
    else:
        monkeypatch.setattr(LinkerInference, "predict", fail)
    out = tmp_path / "scored.csv"
    assert run(["match", "files", *lists, "--engine", "splink", "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert "OutOfMemoryException" in said
    assert "Acme" not in said
    assert not out.exists()


@pytest.mark.parametrize("engine", ["splink", "splink-spark"])
def test_duplicates_are_our_own_engines_business(
    lists: list[str], tmp_path: Path, capsys: Capture, engine: str
) -> None:
    flags = ["--engine", engine, "--duplicates", str(tmp_path / "d.csv")]
    assert run(["match", "files", *lists, *flags]) == 2
    assert "--duplicates" in capsys.readouterr().err
