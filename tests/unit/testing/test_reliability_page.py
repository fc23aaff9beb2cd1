"""The reliability page names a test or check for every rule, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

from interlock.testing.simulator.checks import CHECKS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/reliability.md").read_text()
OF_THE_RUN = {"comes_to_rest", "idempotent"}


def test_every_rule_has_its_row():
    rows = re.findall(r"^\| (\d+) ", PAGE, flags=re.MULTILINE)
    assert [int(n) for n in rows] == list(range(1, 31))


def test_every_named_test_is_there():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    defined = {
        name
        for folder in ("tests", "src/interlock/testing")
        for file in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    assert named - defined == set()


def test_every_named_check_is_there():
    named = {
        check
        for cell in re.findall(r"\*sim\* ((?:`\w+`(?:, )?)+)", PAGE)
        for check in re.findall(r"`(\w+)`", cell)
        if not check.startswith("test_")
    }
    assert named - CHECKS.keys() - OF_THE_RUN == set()
    assert named
