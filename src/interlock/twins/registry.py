"""The twins there are, by the name of their system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from interlock.twins.company import SEEDS
from interlock.twins.twin import Twin, UserError

__all__ = ["SEEDS", "TWINS", "make_twin"]


def _salesforce(seed: str, random_seed: int) -> Twin:
    from interlock.twins.salesforce import make

    return make(seed=seed, random_seed=random_seed)


def _netsuite(seed: str, random_seed: int) -> Twin:
    from interlock.twins.netsuite import make

    return make(seed=seed, random_seed=random_seed)


def _hubspot(seed: str, random_seed: int) -> Twin:
    from interlock.twins.hubspot import make

    return make(seed=seed, random_seed=random_seed)


def _quickbooks(seed: str, random_seed: int) -> Twin:
    from interlock.twins.quickbooks import make

    return make(seed=seed, random_seed=random_seed)


TWINS: Final[dict[str, Callable[[str, int], Twin]]] = {
    "hubspot": _hubspot,
    "netsuite": _netsuite,
    "quickbooks": _quickbooks,
    "salesforce": _salesforce,
}


def make_twin(name: str, *, seed: str = "small", random_seed: int = 1) -> Twin:
    """Make a twin with a set of seed data; raises ``UserError`` for a name it does not know."""
    if name not in TWINS:
        raise UserError(f"there is no twin {name!r}; there is: {', '.join(sorted(TWINS))}")
    if seed not in SEEDS:
        raise UserError(f"there is no seed {seed!r}; there is: {', '.join(SEEDS)}")
    return TWINS[name](seed, random_seed)
