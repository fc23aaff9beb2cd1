"""The account's short lists, read once: currencies and terms.

An account without the feature Multiple Currencies has no list of them, and no field either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.connectors.netsuite.client import Client
from interlock.errors import NotPermittedError

__all__ = ["Directory"]


class Directory:
    """Names and ids of what an administrator keeps in lists."""

    def __init__(self, client: Client, own: str) -> None:
        """``own``: the only currency where there is no list of them."""
        self._client = client
        self._own = own
        self.one_currency = False
        """Whether there is no list; known once it was asked for."""
        self._currencies: list[Mapping[str, Any]] | None = None
        self._terms: list[Mapping[str, Any]] | None = None

    def forget(self) -> None:
        """Read them again."""
        self._currencies = self._terms = None

    async def symbols(self) -> dict[str, str]:
        """Give the ISO 4217 codes of all currencies by id, switched-off ones too."""
        return {str(row["id"]): str(row.get("symbol")) for row in await self._read_currencies()}

    async def currency(self, symbol: str) -> str | None:
        """Find an active currency's id; empty where currencies have none."""
        await self._read_currencies()
        if self.one_currency:
            return "" if symbol == self._own else None
        for row in await self._read_currencies():
            if row.get("symbol") == symbol and row.get("isinactive") != "T":
                return str(row["id"])
        return None

    async def active_symbols(self) -> list[str]:
        """List the currencies that are in use."""
        rows = await self._read_currencies()
        if self.one_currency:
            return [self._own]
        return sorted(str(r.get("symbol")) for r in rows if r.get("isinactive") != "T")

    async def terms(self) -> dict[str, str]:
        """Give the ids of active payment terms by name."""
        if self._terms is None:
            self._terms = await self._client.rows(
                "SELECT id, name, isinactive FROM term ORDER BY id"
            )
        return {str(r["name"]): str(r["id"]) for r in self._terms if r.get("isinactive") != "T"}

    async def _read_currencies(self) -> list[Mapping[str, Any]]:
        if self._currencies is None:
            try:
                self._currencies = await self._client.rows(
                    "SELECT id, symbol, isinactive FROM currency ORDER BY id"
                )
                self.one_currency = False
            except NotPermittedError:
                self._currencies, self.one_currency = [], True
        return self._currencies
