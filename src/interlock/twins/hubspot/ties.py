"""Associations between records, kept from both ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from interlock.twins.hubspot.standard import ASSOCIATIONS
from interlock.twins.storage import Row, Storage

__all__ = ["Ties"]

_TABLE: Final = "associations"


class Ties:
    """The associations of one portal."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        storage.index(_TABLE, "start")

    def of(self, kind: str, key: str, to: str) -> list[Row]:
        """List a record's associations to records of another type, in the order of their ids."""
        found = self._storage.find(_TABLE, "start", f"{kind}:{key}")
        return sorted((r for r in found if r["to"] == to), key=lambda r: int(r["to_id"]))

    def tie(
        self, kind: str, key: str, to: str, to_id: str, numbers: Iterable[int] | None = None
    ) -> tuple[int, ...]:
        """Associate two records; without ``numbers`` as HubSpot does by default.

        A record has one primary company: a new one takes the place of the old one, and the first
        one is primary of itself.
        """
        known = ASSOCIATIONS[kind, to]
        labels = dict(known)
        primary = next((n for n, label in known if label == "Primary"), None)
        plain = next((n for n, label in known if label is None), known[0][0])
        wanted = set(numbers or ()) | {plain}
        others = [row for row in self.of(kind, key, to) if row["to_id"] != to_id]
        if primary is not None:
            if not any(primary in row["numbers"] for row in others):
                wanted.add(primary)
            if primary in wanted:
                for row in others:
                    kept = tuple(n for n in row["numbers"] if n != primary)
                    self._put(kind, key, to, row["to_id"], kept)
        ordered = tuple(n for n in labels if n in wanted)
        self._put(kind, key, to, to_id, ordered)
        return ordered

    def untie(self, kind: str, key: str, to: str, to_id: str) -> None:
        """Take an association away, from both ends."""
        self._storage.drop(_TABLE, f"{kind}:{key}:{to}:{to_id}")
        self._storage.drop(_TABLE, f"{to}:{to_id}:{kind}:{key}")

    def move(self, kind: str, key: str, new_key: str) -> None:
        """Give a record's associations to the one it became."""
        for row in self._storage.find(_TABLE, "start", f"{kind}:{key}"):
            self.untie(kind, key, row["to"], row["to_id"])
            if not self._storage.get(_TABLE, f"{kind}:{new_key}:{row['to']}:{row['to_id']}"):
                self._put(kind, new_key, row["to"], row["to_id"], row["numbers"])

    def _put(self, kind: str, key: str, to: str, to_id: str, numbers: Sequence[int]) -> None:
        other = tuple(
            there
            for (here, _), (there, _) in zip(
                ASSOCIATIONS[kind, to], ASSOCIATIONS[to, kind], strict=True
            )
            if here in numbers
        )
        for start, start_id, end, end_id, held in (
            (kind, key, to, to_id, tuple(numbers)),
            (to, to_id, kind, key, other),
        ):
            name = f"{start}:{start_id}:{end}:{end_id}"
            row: dict[str, Any] = {
                "id": name, "start": f"{start}:{start_id}", "from_id": start_id, "to": end,
                "to_id": end_id, "numbers": held,
            }  # fmt: skip
            self._storage.put(_TABLE, name, row)
