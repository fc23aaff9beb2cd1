"""What is printed: aligned, wrapped on terminals only, harmless."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from interlock.cli import screen
from interlock.cli.screen import amount, columns, complain, hint, moment, print_json, say, shorten


def test_columns_are_aligned_also_with_wide_letters(capsys: pytest.CaptureFixture[str]) -> None:
    columns([("a", "one"), ("日本", "two"), ("abc", "three")], lead="")
    assert capsys.readouterr().out == "a     one\n日本  two\nabc   three\n"


def test_values_from_other_systems_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("Acme\x1b[2J\x07\r\nInc. [bold]x[/bold]")
    assert capsys.readouterr().out == "Acme [2J   Inc. [bold]x[/bold]\n"


def test_a_pipe_gets_each_line_whole(capsys: pytest.CaptureFixture[str]) -> None:
    say("word " * 100, lead="  ")
    assert capsys.readouterr().out.count("\n") == 1


def test_a_terminal_gets_long_lines_wrapped_under_their_beginning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    terminal = Console(width=24, force_terminal=True, soft_wrap=True, no_color=True)
    monkeypatch.setattr(screen, "_out", terminal)
    say("one two three four five", lead="  - ")
    assert capsys.readouterr().out == "  - one two three four\n    five\n"


def test_complaints_go_to_stderr_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    complain("it is broken")
    hint("mend it")
    hint(None)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "it is broken\n   -> mend it\n"


def test_counts_and_lengths() -> None:
    assert amount(1, "record") == "1 record"
    assert amount(1204, "record") == "1,204 records"
    assert amount(2, "reply") == "2 replies"
    assert amount(8, "batch") == "8 batches"
    assert amount(2, "doubtful match") == "2 doubtful matches"
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"


def test_instants_are_shown_in_the_zone_of_the_machine() -> None:
    at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert moment(at) == f"{at.astimezone():%Y-%m-%d %H:%M}"
    assert moment(None) == "never"


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"at": datetime(2026, 3, 2, tzinfo=UTC), "n": 1})
    assert capsys.readouterr().out == '{\n  "at": "2026-03-02T00:00:00Z",\n  "n": 1\n}\n'
