"""What a person, or a program, is told when a command fails, and the exit code."""

from __future__ import annotations

import sys
import traceback
from typing import Any, Final, NoReturn

import typer

from interlock.cli.screen import complain, hint, print_json
from interlock.errors import ConfigurationError, InterlockError

__all__ = ["CHANGES", "DONE", "FAILED", "NEEDS_PERSON", "STOPPED", "WRONG_USE", "fail", "finish"]

DONE: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
NEEDS_PERSON: Final = 3
CHANGES: Final = 4
STOPPED: Final = 130


def finish(code: int) -> NoReturn:
    """End the command with an exit code."""
    raise typer.Exit(code)


def fail(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Report an error on stderr, or as the one JSON document; returns the exit code."""
    trace = _trace(error) if debug else ""
    if as_json:
        print_json({"error": _described(error) | ({"trace": trace} if trace else {})})
    else:
        _say(error, debug=debug)
        if trace:
            sys.stderr.write(trace + "\n")
    if isinstance(error, InterlockError):
        return WRONG_USE if isinstance(error, ConfigurationError) else FAILED
    return WRONG_USE if _is_wrong_use(error) else FAILED


def _say(error: BaseException, *, debug: bool) -> None:
    if isinstance(error, ConfigurationError) and len(error.problems) > 1:
        complain(f"{len(error.problems)} things need mending:")
        for problem in error.problems:
            complain(problem.message, lead="  ")
            hint(problem.fix, lead="  ")
    elif isinstance(error, InterlockError):
        complain(error.message)
        hint(error.fix)
    elif type(error).__name__ == "NoArgsIsHelpError":
        return  # the help has been shown
    elif _is_wrong_use(error):
        complain(_usage(error))
        context = getattr(error, "ctx", None)
        hint(f"{context.command_path if context else 'interlock'} --help")
    else:
        complain(f"unexpected {type(error).__name__}: this is a bug in Interlock")
        hint(None if debug else "run it again with --debug and report what it shows")


def _described(error: BaseException) -> dict[str, Any]:
    if isinstance(error, ConfigurationError):
        problems = [
            {"message": p.message, "fix": p.fix, "file": p.file, "line": p.line}
            for p in error.problems
        ]
        return {**_plain(error, error.message, error.fix), "problems": problems}
    if isinstance(error, InterlockError):
        return _plain(error, error.message, error.fix)
    if _is_wrong_use(error):
        return _plain(error, _usage(error), None)
    return _plain(error, "this is a bug in Interlock", None)


def _plain(error: BaseException, message: str, fix: str | None) -> dict[str, Any]:
    return {"type": type(error).__name__, "message": message, "fix": fix}


def _is_wrong_use(error: BaseException) -> bool:
    # typer keeps its own copy of click's exceptions, none of them public
    return isinstance(error, typer.Abort) or hasattr(error, "format_message")


def _usage(error: BaseException) -> str:
    if isinstance(error, typer.Abort):
        return "there was no answer to a question; nothing was done"
    return str(error.format_message())  # type: ignore[attr-defined]


def _trace(error: BaseException) -> str:
    """Show where it happened; what could be a secret or a person is blanked out."""
    from interlock.connectors.kit.redact import clean

    lines = "".join(traceback.format_exception(error)).splitlines()
    return "\n".join(
        line[: len(line) - len(line.lstrip())] + clean(line, limit=400) for line in lines
    )
