"""``rules.yaml``: what it says, and how every mistake is named."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from interlock.errors import ConfigurationError
from interlock.governance.signals import Falling, HealthRules, Late, SignalRules, Tier
from interlock.project import open_project
from tests.unit.project.conftest import find_plugin

Write = Callable[[str, str], None]


def rules(root: Path) -> SignalRules:
    return open_project(root, environment={}, plugins=find_plugin).signals


def test_without_a_file_ours_hold(tmp_path: Path, write: Write) -> None:
    assert rules(tmp_path) == SignalRules()


def test_all_that_can_be_said(tmp_path: Path, write: Write) -> None:
    write(
        "rules.yaml",
        """\
schema_version: 1
company: {currency: EUR, time_zone: Europe/Berlin}
rates: {source: ECB, USD: "0.92", JPY: 1}
signals: {overdue_bands: [1, 15]}
health:
  overdue: [{from_days: 1, points: 5}]
  hold: 50
  dispute: 0
  falling_revenue: [{by_percent: "12.5", points: 7}]
  bands: [60]
tiers:
  - {tier: A, revenue_12m: 100000, health_score: 70}
  - {tier: B}
""",
    )
    assert rules(tmp_path) == SignalRules(
        currency="EUR", time_zone="Europe/Berlin", source="ECB",
        rates={"USD": Decimal("0.92"), "JPY": Decimal(1)}, overdue_bands=[1, 15],
        health=HealthRules(
            overdue=[Late(1, 5)], hold=50, dispute=0,
            falling_revenue=[Falling(Decimal("12.5"), 7)], bands=[60],
        ),
        tiers=[Tier(name="A", revenue_12m=Decimal(100000), health_score=Decimal(70)),
               Tier(name="B")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("helth: {}", 2, "did you mean 'health'"),
        ("company: {currency: euro}", 2, "no currency"),
        ("company: {time_zone: Mars/Olympus}", 2, "no time zone"),
        ("company: {currency: EUR}\nrates: {USD: '0.9'}", 3, "without a source"),
        ("rates: {source: ECB, USD: '0.9'}", 2, "into which currency"),
        ("company: {currency: EUR}\nrates:\n  source: ECB\n  USD: much", 5, "a number"),
        ("company: {currency: EUR}\nrates: {source: ECB, USD: '0'}", 3, "above 0"),
        ("health:\n  hold: 200", 3, "from 0 to 100"),
        ("health:\n  overdue:\n  - {from_days: 1.5, points: 3}", 4, "whole number"),
        ("health: {overdue: 3}", 2, "lines"),
        ("health: {bands: [70, 40]}", 2, "rise"),
        ("signals: {overdue_bands: [a]}", 2, "whole numbers"),
        ("tiers:\n- {revenue_12m: 3}", 3, "needs a name"),
        ("tiers:\n- {tier: A, revenue_12m: true}", 3, "a number"),
        ("tiers:\n- {tier: A}\n- {tier: B}", 3, "fits everyone"),
        ("tiers:\n- {tier: A, revenue: 3}", 3, "revenue_12m"),
    ],
)
def test_every_mistake_has_its_line(
    tmp_path: Path, write: Write, text: str, line: int, said: str
) -> None:
    write("rules.yaml", f"schema_version: 1\n{text}\n")
    with pytest.raises(ConfigurationError) as caught:
        rules(tmp_path)
    [problem] = caught.value.problems
    assert (problem.file, problem.line) == ("rules.yaml", line)
    assert said in f"{problem.message} {problem.fix}"


@pytest.mark.parametrize("text", ["", "- a", "schema_version: 9"])
def test_a_file_of_another_form(tmp_path: Path, write: Write, text: str) -> None:
    write("rules.yaml", text)
    with pytest.raises(ConfigurationError) as caught:
        rules(tmp_path)
    assert {p.file for p in caught.value.problems} == {"rules.yaml"}
