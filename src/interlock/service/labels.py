"""How records and links are called when they are shown to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from interlock.errors import ConfigurationError
from interlock.governance.document import suggest
from interlock.governance.rules import Side
from interlock.model import ENTITIES, Fields
from interlock.store import links
from interlock.store.database import Tx
from interlock.store.links import Bundle

__all__ = ["known_entity", "label_of", "label_of_link", "labels_of_links"]


def label_of(fields: Fields) -> str:
    """The name, number or SKU of a record; "" when it has none."""
    for field in ("name", "number", "sku"):
        value = fields.get(field)
        if isinstance(value, str) and value:
            return value
    return ""


def label_of_link(bundle: Bundle) -> str:
    """What either record of a link is called, the CRM's first."""
    shown = (label_of(bundle.seen[side].fields) for side in Side if side in bundle.seen)
    return next((text for text in shown if text), "")


def labels_of_links(tx: Tx, ids: Iterable[int]) -> Mapping[int, str]:
    """Link id -> what its records are called."""
    return {i: label_of_link(b) for i, b in links.bundles(tx, sorted(set(ids))).items()}


def known_entity(name: str) -> str:
    """Check a name a person typed; raises ``ConfigurationError`` with what is near."""
    if name not in ENTITIES:
        raise ConfigurationError(f"{name!r} is no entity", fix=suggest(name, ENTITIES))
    return name
