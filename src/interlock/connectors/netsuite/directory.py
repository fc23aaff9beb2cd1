"""The account's short lists, read once: currencies and terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.connectors.netsuite.client import Client

__all__ = ["Directory"]


class Directory:
    """Names and ids of what an administrator keeps in lists."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._currencies: list[Mapping[str, Any]] | None = None
        self._terms: list[Mapping[str, Any]] | None = None

    def forget(self) -> None:
        """Read them again."""
        self._currencies = self._terms = None

    async def symbols(self) -> dict[str, str]:
        """Give the ISO 4217 codes of all currencies by id, switched-off ones too."""
        return {str(row["id"]): str(row.get("symbol")) for row in await self._read_currencies()}

    async def currency(self, symbol: str) -> str | None:
        """Find an active currency's id."""
        for row in await self._read_currencies():
            if row.get("symbol") == symbol and row.get("isinactive") != "T":
                return str(row["id"])
        return None

    async def active_symbols(self) -> list[str]:
        """List the currencies that are in use."""
        rows = await self._read_currencies()
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
            self._currencies = await self._client.rows(
                "SELECT id, symbol, isinactive FROM currency ORDER BY id"
            )
        return self._currencies
