"""The suite itself: each way of being wrong fails the behaviours meant for it, and only them."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from interlock.connectors.memory.connector import MemoryConnector
from tests.conformance.broken_connectors import BROKEN

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Run the suite on all broken connectors once; variant -> behaviours with a failed test."""
    report = tmp_path_factory.mktemp("broken") / "report.xml"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/conformance/broken_connectors.py", "-q",
         "-p", "no:cacheprovider", "-p", "no:randomly", f"--junit-xml={report}"],
        cwd=_ROOT, check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    found: dict[str, set[str]] = defaultdict(set)
    for case in ET.parse(report).iter("testcase"):
        variant, _, behaviour = case.attrib["classname"].rpartition(".Test")[2].partition("_")
        found[variant] |= set()
        if case.find("failure") is not None or case.find("error") is not None:
            found[variant].add(behaviour)
    return found


@pytest.mark.parametrize("variant", BROKEN, ids=lambda v: v.__name__)
def test_broken_connector_fails_exactly_its_behaviours(
    failed: dict[str, set[str]], variant: type[MemoryConnector]
) -> None:
    assert failed[variant.__name__] == variant.fails  # type: ignore[attr-defined]
