"""Finds connectors by entry point; importing one happens only when it is asked for."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points

from interlock.connectors.base import Plugin
from interlock.errors import ConfigurationError

__all__ = ["GROUP", "connector_names", "load_plugin"]

GROUP = "interlock.connectors"


def _found() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def connector_names() -> list[str]:
    """Names of all installed connectors, sorted."""
    return sorted(_found())


def load_plugin(name: str) -> Plugin:
    """Load one connector; an unknown name says which there are and which is near."""
    found = _found()
    if name not in found:
        near = get_close_matches(name, found, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigurationError(
            f"there is no connector {name!r}",
            fix=f"{hint}installed are: {', '.join(sorted(found))}",
        )
    plugin = found[name].load()
    if not isinstance(plugin, Plugin):
        raise ConfigurationError(f"connector {name!r} does not export a Plugin")
    return plugin
