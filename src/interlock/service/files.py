"""Files that reports are written to."""

from __future__ import annotations

from pathlib import Path

from interlock.errors import ConfigurationError

__all__ = ["beside", "safe_cell", "write_text"]


def beside(page: Path, ending: str) -> Path:
    """A file next to a page, named after it: ``report.html`` -> ``report-ENDING``."""
    return page.with_name(f"{page.stem}-{ending}")


def safe_cell(text: str) -> str:
    """A text that a spreadsheet will not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8", errors="replace")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigurationError(f"cannot write: {error.strerror}", file=str(path)) from error
