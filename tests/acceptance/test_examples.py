"""The examples: each opens, holds the shipped ownership map, and ends well by its one command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from interlock.project.load import open_project
from interlock.project.scaffold import default_ownership

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("hubspot-quickbooks", "salesforce-netsuite")


def test_every_example_is_tested() -> None:
    assert sorted(path.parent.name for path in EXAMPLES.glob("*/interlock.yaml")) == [*NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_what_its_env_example_names(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = EXAMPLES / name
    for line in (folder / ".env.example").read_text(encoding="utf-8").splitlines():
        variable, _, value = line.partition("=")
        if not line.startswith("#"):
            given = "http://127.0.0.1:1" if variable.endswith("_URL") else "1"
            monkeypatch.setenv(variable, value or given)
    opened = open_project(folder)
    assert f"{opened.crm.plugin.name}-{opened.erp.plugin.name}" == name
    assert (folder / "ownership.yaml").read_text(encoding="utf-8") == default_ownership()


@pytest.mark.parametrize("name", NAMES)
def test_its_one_command_ends_with_an_order_on_the_deal(name: str) -> None:
    ended = subprocess.run(
        [sys.executable, str(EXAMPLES / "start.py"), name],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "The deal shows the number of its order" in ended.stdout


def test_an_example_that_is_not_there_is_said_to_be_none() -> None:
    ended = subprocess.run(
        [sys.executable, str(EXAMPLES / "start.py"), "nothing"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "hubspot-quickbooks, salesforce-netsuite" in ended.stderr
