"""Tryton's short lists: names and codes to record ids, read once and again when one is missing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from interlock.connectors.base import Reason
from interlock.connectors.tryton.client import Row, TrytonClient
from interlock.errors import NotPermittedError, RejectedError

__all__ = ["Company", "Directory", "RefusedError"]


class RefusedError(Exception):
    """A write cannot be sent; ``reason`` is what its receipt says."""

    def __init__(self, code: str, message: str, *, field: str | None = None, fix: str = "") -> None:
        super().__init__(message)
        self.reason = Reason(code=code, message=message, field=field, fix=fix)


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """The company the user works for; ``parties`` are those of all companies of the database."""

    id: int
    currency: str
    parties: tuple[int, ...]


class Directory:
    """Looks up what fields point to by name: countries, currencies, payment terms, types."""

    def __init__(
        self, client: TrytonClient, language: str, warehouses: Collection[str] | None = None
    ) -> None:
        """``language``: that of the names; ``warehouses``: those whose stock is sold, or all."""
        self._client = client
        self._named_warehouses = warehouses
        self._warehouses: list[int] | None = None
        self._language = language
        self._lists: dict[tuple[str, str], dict[str, int]] = {}
        self._company: Company | None = None
        self._fields: dict[str, Row] = {}
        self._hidden: dict[tuple[str, str], bool] = {}
        self._lacking: set[str] = set()

    async def company(self) -> Company:
        """Read the user's company."""
        if self._company is None:
            preferences = await self._client.preferences()
            rows = await self._client.rows("company.company", [], ["party", "currency.code"])
            mine = [row for row in rows if row["id"] == preferences.get("company")]
            if not mine:
                raise RejectedError(
                    "the Tryton user works for no company", system="tryton",
                    operation="company", code="required",
                    fix="give the user a company under Administration > Users > Preferences",
                )  # fmt: skip
            self._company = Company(
                id=mine[0]["id"], currency=mine[0]["currency."]["code"],
                parties=tuple(row["party"] for row in rows),
            )  # fmt: skip
        return self._company

    async def fields(self, model: str) -> Row:
        """Give the definitions of a model's fields, whatever the user's rights."""
        if model not in self._fields:
            self._fields[model] = await self._client.call(model, "fields_get")
        return self._fields[model]

    async def has(self, model: str) -> bool:
        """Tell whether there is such a model: the module that brings it may not be active."""
        if model not in self._lacking:
            try:
                await self.fields(model)
            except RejectedError:
                self._lacking.add(model)
        return model not in self._lacking

    async def hidden(self, model: str, names: Collection[str]) -> frozenset[str]:
        """Tell which fields the user may not read; asking for no record at all shows it."""
        unasked = [name for name in names if (model, name) not in self._hidden]
        todo = [unasked] if unasked else []
        while todo:
            part = todo.pop()
            try:
                await self._client.call(model, "read", [], part)
                self._hidden |= {(model, name): False for name in part}
            except NotPermittedError:
                if len(part) == 1:
                    self._hidden[model, part[0]] = True
                else:
                    todo += [part[: len(part) // 2], part[len(part) // 2 :]]
        return frozenset(name for name in names if self._hidden[model, name])

    def forget_fields(self) -> None:
        """Have the fields' definitions and the user's rights to them read again."""
        self._fields.clear()
        self._warehouses = None
        self._hidden.clear()
        self._lacking.clear()

    async def warehouses(self) -> list[int]:
        """Give the warehouses stock is counted in; none where the user may not see any."""
        if self._warehouses is None:
            domain: list[Any] = [["type", "=", "warehouse"]]
            if self._named_warehouses is not None:
                domain.append(["name", "in", list(self._named_warehouses)])
            try:
                rows = await self._client.rows(
                    "stock.location", domain, ["id"], language=self._language
                )
            except NotPermittedError:
                rows = []
            self._warehouses = [int(row["id"]) for row in rows]
        return self._warehouses

    async def ids(self, model: str, names: Collection[str], by: str = "name") -> dict[str, int]:
        """Find ids by name; names Tryton does not have are missing from the answer."""
        known = self._lists.get((model, by), {})
        if not known.keys() >= set(names):
            known = {}
            rows = await self._client.rows(
                model, [], [by], order=[["id", "DESC"]], language=self._language
            )
            for row in rows:
                if row[by]:
                    known[row[by]] = row["id"]  # of two with one name the older one
            self._lists[model, by] = known
        return {name: known[name] for name in names if name in known}

    async def category(self, name: str) -> int | None:
        """Find a party category."""
        return (await self.ids("party.category", [name])).get(name)

    async def relation(self, name: str, field: str = "role") -> int:
        """Find a relation type."""
        found = (await self.ids("party.relation.type", [name])).get(name)
        if found is None:
            raise RefusedError(
                "unknown_choice", f"Tryton has no relation type {name!r}", field=field,
                fix="make it under Party > Configuration > Relation Types, or run provision as "
                "a user who may",
            )  # fmt: skip
        return found

    async def payment_term(self, name: str, field: str = "payment_terms") -> int:
        """Find a payment term, in any case where that leaves one."""
        model = "account.invoice.payment_term"
        found = (await self.ids(model, [name])).get(name)
        if found is None:
            alike = [i for n, i in self._lists[model, "name"].items() if _same_words(n, name)]
            found = alike[0] if len(alike) == 1 else None
        if found is None:
            raise RefusedError(
                "unknown_choice", f"Tryton has no payment term {name!r}", field=field,
                fix="use one of: " + ", ".join(sorted(self._lists[model, "name"])),
            )  # fmt: skip
        return found

    async def currency(self, code: str, field: str = "currency") -> int:
        """Find a currency by its ISO 4217 code."""
        found = (await self.ids("currency.currency", [code], "code")).get(code)
        if found is None:
            raise RefusedError(
                "unknown_choice", f"Tryton has no currency {code!r}", field=field,
                fix="make it under Currency > Currencies",
            )  # fmt: skip
        return found

    async def country(self, code: str, field: str) -> int:
        """Find a country by its ISO 3166-1 alpha-2 code."""
        found = (await self.ids("country.country", [code], "code")).get(code)
        if found is None:
            raise RefusedError(
                "unknown_choice", f"Tryton has no country {code!r}", field=field,
                fix="import the countries into Tryton (trytond_import_countries)",
            )  # fmt: skip
        return found

    async def subdivision(self, country: int, code: str, region: str, field: str) -> int:
        """Find a state or province of a country, by ``US-NY``, ``NY`` or ``New York``."""
        domain: list[Any] = [
            ["country", "=", country],
            ["OR", ["code", "in", [region, f"{code}-{region}"]], ["name", "ilike", region]],
        ]
        rows = await self._client.rows(
            "country.subdivision", domain, ["code"], limit=1, language=self._language
        )
        if not rows:
            raise RefusedError(
                "unknown_choice", "Tryton does not have the region of this address", field=field,
                fix="import the subdivisions (trytond_import_countries), correct the region, or "
                "set regions: off",
            )  # fmt: skip
        return int(rows[0]["id"])


def _same_words(one: str, other: str) -> bool:
    return one.casefold().split() == other.casefold().split()
