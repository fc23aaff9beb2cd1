"""Record ids: 15 case-sensitive characters, or the same with 3 that make case not matter."""

from __future__ import annotations

import re
from itertools import count
from typing import Final

__all__ = ["IdMaker", "long_id", "short_id"]

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_FORM: Final = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


class IdMaker:
    """Makes ids that look like those of one org, in the order of their making."""

    def __init__(self, server: str = "gK0000") -> None:
        self._server = server
        self._numbers = count(1)

    def make(self, prefix: str) -> str:
        """Make an id of 18 characters for an object's key prefix."""
        number, text = next(self._numbers), ""
        for _ in range(12 - len(self._server)):
            number, digit = divmod(number, len(_DIGITS))
            text = _DIGITS[digit] + text
        return _with_suffix(prefix + self._server + text)


def long_id(text: str) -> str | None:
    """Give the 18 characters of an id of either length; ``None`` when it is no id.

    The suffix of an 18-character id restores the case of its letters.
    """
    if not _FORM.fullmatch(text):
        return None
    if len(text) == 15:
        return _with_suffix(text)
    restored = _restored(text[:15], text[15:].upper())
    return restored and _with_suffix(restored)


def short_id(text: str) -> str:
    """Give the first 15 characters."""
    return text[:15]


def _with_suffix(short: str) -> str:
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << n for n, c in enumerate(short[start : start + 5]) if c.isupper())
        suffix += _SUFFIX[bits]
    return short + suffix


def _restored(short: str, suffix: str) -> str | None:
    text = ""
    for part, mark in enumerate(suffix):
        if mark not in _SUFFIX:
            return None
        bits = _SUFFIX.index(mark)
        for n, c in enumerate(short[part * 5 : part * 5 + 5]):
            text += c.upper() if bits >> n & 1 else c.lower()
    return text
