"""Cleaning of vendors' messages: what may be shown and stored of an answer that went wrong."""

from __future__ import annotations

import html
import re

__all__ = ["clean"]

_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_EMAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"(?<![\w-])\+?\d[\d ()./-]{7,}\d(?!\w)")
_TOKEN = re.compile(r"\b(?:[A-Za-z0-9_-]{32,}|[A-Fa-f0-9]{24,})\b")
# a credential has more to it than letters; "the token is not valid" must stay readable
_BEARER = re.compile(
    r"\b(Bearer|Basic|Session|Token)\s+(?=\S*[\d+/=_~:]|\S*\.\S)\S+", re.IGNORECASE
)


def clean(text: str, *secrets: str, limit: int = 300) -> str:
    """Reduce a message to one line without markup, credentials, e-mail addresses and phones.

    ``secrets`` are removed wherever they appear.  The result is at most ``limit`` characters.
    """
    text = _without(text, secrets)
    # once more: markup may have spelt one with entities
    text = _without(html.unescape(_TAG.sub(" ", text)), secrets)
    text = _BEARER.sub(r"\1 [secret]", text)
    text = _EMAIL.sub("[e-mail]", text)
    text = _TOKEN.sub("[token]", text)
    text = _PHONE.sub("[number]", text)
    # a NUL or an escape sequence can neither be stored everywhere nor shown
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _without(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[secret]")
    return text
