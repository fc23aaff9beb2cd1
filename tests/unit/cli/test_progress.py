"""Progress: moving on a terminal, a line a list elsewhere, nothing when it would disturb."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from interlock.cli import screen
from interlock.cli.progress import Progress
from interlock.governance.rules import Side

NAMES = {"crm": "sales", "erp": "books"}


def _work(progress: Progress) -> None:
    with progress:
        progress.tick("observe", Side.CRM, "customer", 200)
        progress.tick("observe", Side.CRM, "customer", 1)
        progress.tick("observe", Side.ERP, "customer", 0)
        progress.tick("reconcile", None, "", 5)
        progress.tick("deliver", Side.ERP, "customer", 3)
        progress.tick("wait", None, "2026-03-02T09:00:00+00:00", 0)


def test_without_a_terminal_it_says_what_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    _work(Progress(NAMES))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "read 201 customers from sales\n"


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    _work(Progress(NAMES, quiet=True))
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_what_is_being_done(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = io.StringIO()
    terminal = Console(file=drawn, force_terminal=True, width=100, no_color=True)
    monkeypatch.setattr(screen, "_err", terminal)
    _work(Progress(NAMES))
    assert "reading 201 customers from sales" in drawn.getvalue()
    assert "writing customers to books" in drawn.getvalue()
    assert "waiting until" in drawn.getvalue()
