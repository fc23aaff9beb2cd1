"""What every connector's check collects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from interlock.connectors.base import Severity
from interlock.connectors.kit.checkup import Checkup
from interlock.errors import NotPermittedError, TransientError

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_clock_two_minutes_off_is_a_warning_with_its_measure() -> None:
    checkup = Checkup()
    checkup.clock(NOON + timedelta(minutes=5), NOON)
    (finding,) = checkup.findings
    assert finding.severity is Severity.WARNING
    assert checkup.report().clock_skew == timedelta(minutes=5, seconds=0.5)


def test_a_clock_that_agrees_is_no_finding() -> None:
    checkup = Checkup()
    checkup.clock(NOON, NOON)
    checkup.clock(None, NOON)
    assert checkup.findings == []


def test_an_error_is_told_with_what_to_do() -> None:
    checkup = Checkup()
    checkup.failed("deal", NotPermittedError("no right", fix="grant it"), Severity.WARNING)
    (finding,) = checkup.report().findings
    assert (finding.severity, finding.message, finding.fix) == (
        Severity.WARNING, "no right", "grant it",
    )  # fmt: skip


def test_a_system_that_is_away_says_nothing_about_rights() -> None:
    checkup = Checkup()
    checkup.hidden("deal", TransientError("down"), ["name"])
    checkup.hidden("quote", NotPermittedError("no right"), ["name"])
    report = checkup.report()
    assert [f.subject for f in report.findings] == ["deal", "quote"]
    assert report.unreadable == {"quote": frozenset({"name"})}
