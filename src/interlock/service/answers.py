"""Answers about exports, kept in a small YAML file next to the page they were given for."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from interlock.errors import ConfigurationError
from interlock.exports.forms import DateOrder, DecimalMark
from interlock.project.yaml import read_yaml
from interlock.service.exports import Answers
from interlock.service.files import beside, write_text

__all__ = ["recall", "remember"]


def _file(out: Path) -> Path:
    return beside(out, "answers.yaml")


def recall(out: Path, answers: Answers, roles: Sequence[str]) -> Path | None:
    """Add what was answered before; what was said now goes first.  Returns the file, if any."""
    file = _file(out)
    if not file.exists():
        return None
    for role, given in _read(file).items():
        if role not in roles:
            continue
        columns = given.get("columns", {})
        for name, to in columns.items() if isinstance(columns, dict) else ():
            answers.columns.setdefault((role, str(name)), str(to))
        if given.get("dates") in list(DateOrder):
            answers.dates.setdefault(role, DateOrder(given["dates"]))
        if given.get("decimal") in list(DecimalMark):
            answers.decimals.setdefault(role, DecimalMark(given["decimal"]))
    return file


def remember(out: Path, answers: Answers) -> Path | None:
    """Write what was answered at the terminal; returns the file, ``None`` if nobody was asked."""
    if not answers.asked:
        return None
    file = _file(out)
    kept = _read(file) if file.exists() else {}
    for role, given in answers.asked.items():
        before = kept.setdefault(role, {})
        columns = {**before.get("columns", {}), **given.get("columns", {})}
        before.update(given)
        if columns:
            before["columns"] = columns
    text = io.StringIO()
    text.write("# What you answered about the columns of your files. Delete to be asked again.\n")
    YAML().dump(kept, text)
    write_text(file, text.getvalue())
    return file


def _read(file: Path) -> dict[str, dict[str, Any]]:
    data = read_yaml(file, str(file)).data
    if not isinstance(data, dict) or not all(isinstance(each, dict) for each in data.values()):
        raise ConfigurationError("not a file of answers", file=str(file), fix="delete it")
    return data
