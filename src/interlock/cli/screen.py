"""What commands print: text for people, or exactly one JSON document."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console

__all__ = [
    "amount", "columns", "complain", "heading", "hint", "moment", "note", "print_json", "say",
    "shorten", "terminal",
]  # fmt: skip

_out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
_err = Console(soft_wrap=True, highlight=False, markup=False, emoji=False, stderr=True)


def terminal() -> Console | None:
    """Give the terminal that progress can be drawn on, if there is one."""
    return _err if _err.is_terminal else None


def print_json(result: Any) -> None:
    """Print a result as JSON."""
    import msgspec

    encoded = msgspec.json.format(msgspec.json.encode(result), indent=2)
    sys.stdout.write(encoded.decode() + "\n")


def say(text: str = "", *, style: str = "", lead: str = "") -> None:
    """Print a line; a long one is wrapped under its beginning on a terminal only."""
    _print(_out, text, style=style, lead=lead)


def note(text: str, *, style: str = "dim") -> None:
    """Print a line that is no part of the result."""
    _print(_err, text, style=style)


def complain(text: str, *, lead: str = "") -> None:
    """Print what went wrong."""
    _print(_err, text, style="red", lead=lead)


def hint(text: str | None, *, lead: str = "") -> None:
    """Print what can be done about it."""
    if text:
        _print(_err, f"-> {text}", lead=lead + "   ")


def heading(text: str) -> None:
    """Print the title of a part, after an empty line."""
    say()
    say(text, style="bold")


def columns(rows: Iterable[Sequence[str]], *, lead: str = "  ", style: str = "") -> None:
    """Print rows with their columns aligned; the last one may be long."""
    table = [[_clean(cell) for cell in row] for row in rows]
    widths = [max(cell_len(row[i]) for row in table if i < len(row))
              for i in range(max((len(row) for row in table), default=0))]  # fmt: skip
    for row in table:
        padded = [c + " " * (w - cell_len(c)) for c, w in zip(row[:-1], widths, strict=False)]
        before = lead + "".join(f"{cell}  " for cell in padded)
        _print(_out, row[-1], style=style, lead=before)


def amount(number: int, thing: str) -> str:
    """Count things: ``1 record``, ``1,204 records``."""
    if number == 1:
        return f"1 {thing}"
    many = thing + ("es" if thing.endswith(("ch", "sh", "s", "x")) else "s")
    return f"{number:,} {thing[:-1] + 'ies' if thing.endswith('y') else many}"


def moment(at: datetime | None) -> str:
    """Show an instant in the time zone of this machine."""
    return "never" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M}"


def shorten(text: str, width: int) -> str:
    """Cut a text that is longer than ``width``."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _print(console: Console, text: str, *, style: str = "", lead: str = "") -> None:
    text, lead = _clean(text), _clean(lead)
    if console.is_terminal and cell_len(lead + text) > console.width and text:
        width = max(console.width, len(lead) + 20)
        text = textwrap.fill(
            text, width, initial_indent=lead, subsequent_indent=" " * cell_len(lead),
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    else:
        text = (lead + text).rstrip()
    console.print(text, style=style or None)


def _clean(text: str) -> str:
    """Take out what would steer the terminal: values come from other systems."""
    return "".join(c if c.isprintable() else " " for c in text)
