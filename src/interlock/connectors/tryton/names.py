"""A contact's first and last name in Tryton's one ``name``.

``First Last`` is written as anyone would.  Where that would be read back wrongly ("Mary Ann
Smith Jones"), the words that belong together are joined by no-break spaces, which look the same.
Name particles in lower case begin the last name: ``Jan van der Berg`` is Jan, van der Berg.
"""

from __future__ import annotations

__all__ = ["join_name", "split_name"]

_BOUND = "\N{NO-BREAK SPACE}"
_PARTICLES = frozenset(
    "af al ap auf aus ben bin d' da dal dalla das de degli dei del della den der di do dos du el "
    "het i in 't la las le les lo los mac op te ten ter till und van ver vom von y z zu zum zur"
    .split()
)  # fmt: skip


def split_name(name: str | None) -> tuple[str | None, str | None]:
    """Split into first and last name; a single word is a last name."""
    words = [word for word in (name or "").replace("\t", " ").split(" ") if word.strip()]
    if not words:
        return None, None
    start = len(words) - 1
    particles = (n for n, word in enumerate(words[1:-1], 1) if word in _PARTICLES)
    start = min(start, next(particles, start))
    return _plain(words[:start]), _plain(words[start:])


def join_name(first: str | None, last: str | None) -> str:
    """Make one name of both; ``split_name`` gives them back."""
    first, last = _plain((first or "").split()), _plain((last or "").split())
    parts = [part for part in (first, last) if part]
    for name in (
        " ".join(parts),
        " ".join(filter(None, (first, (last or "").replace(" ", _BOUND)))),
    ):
        if split_name(name) == (first, last):
            return name
    return " ".join(part.replace(" ", _BOUND) for part in parts)


def _plain(words: list[str]) -> str | None:
    return " ".join(" ".join(words).split()) or None
