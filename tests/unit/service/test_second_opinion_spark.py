"""The second opinion really on Spark: it says what DuckDB says.

PySpark is an extra of more than 300 MB and no part of what CI installs, so these tests are skipped
there too: install ``interlock[spark]`` and Java to run them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from interlock.cli import run
from tests.unit.service.test_second_opinion import lists, rows

__all__ = ["lists"]


@pytest.fixture(autouse=True)
def machine() -> None:
    pytest.importorskip("pyspark", reason="PySpark is not installed (interlock[spark])")
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        pytest.skip("there is no Java")


def opinions(command: list[str], out: Path) -> dict[str, list[dict[str, str]]]:
    found = {}
    for engine in ("splink", "splink-spark"):
        run([*command, "--engine", engine, "--out", str(out)])
        found[engine] = rows(out)
        out.unlink()
    return found


# what Spark leaves open ends with its process
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_both_databases_come_to_one_opinion(lists: list[str], tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("left_id,right_id\nC3,E9\nC1,E1\nC3,E9\nC2,E2\n", encoding="utf-8")
    for command in (["files", *lists], ["pairs", *lists, str(pairs)]):
        found = opinions(["match", *command], tmp_path / "scored.csv")
        duck, spark = (keyed(found[engine]) for engine in ("splink", "splink-spark"))
        assert spark.keys() == duck.keys()
        assert [spark[key] for key in duck] == pytest.approx(list(duck.values()), abs=0.01)
    assert [row["left_id"] for row in found["splink-spark"]] == ["C3", "C1", "C3", "C2"]

    from pyspark.sql import SparkSession

    context: Any = SparkSession.getActiveSession()
    settings = context.sparkContext.getConf()
    assert settings.get("spark.ui.enabled") == "false"
    if settings.get("spark.master").startswith("local"):
        assert settings.get("spark.driver.bindAddress") == "127.0.0.1"


def keyed(scored: list[dict[str, str]]) -> dict[tuple[str, str], float]:
    return {(row["left_id"], row["right_id"]): float(row["probability"]) for row in scored}
