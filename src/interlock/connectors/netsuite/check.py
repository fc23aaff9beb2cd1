"""What ``interlock check`` looks at in NetSuite."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from interlock.connectors.base import CheckReport
from interlock.connectors.kit.checkup import Checkup
from interlock.connectors.netsuite.client import Client
from interlock.connectors.netsuite.config import NetSuiteSettings
from interlock.connectors.netsuite.reading import Reader
from interlock.errors import ConnectorError, InterlockError, NotPermittedError
from interlock.mapping.objectmap import ObjectMap

__all__ = ["Inspection"]

_CENT = Decimal("0.01")


class Inspection(Checkup):
    """One run of ``check``: asks, collects findings, never raises for what it can report."""

    def __init__(
        self, client: Client, reader: Reader, maps: Mapping[str, ObjectMap],
        settings: NetSuiteSettings,
    ) -> None:  # fmt: skip
        super().__init__()
        self._client = client
        self._reader = reader
        self._maps = maps
        self._settings = settings

    async def run(self) -> CheckReport:
        """Look at the sign-in, the clock, the currency, each entity's fields, and our beliefs."""
        try:
            await self._connection()
        except InterlockError as error:
            self.failed("connection", error)
            return self.report()
        self._reader.forget()
        for entity in self._maps:
            await self._entity(entity)
        for look in (self._currency, self._deletions, self._signs):
            try:
                await look()
            except InterlockError as error:
                self.failed(look.__name__.strip("_"), error)
        return self.report()

    async def _connection(self) -> None:
        answer = await self._client.call(
            "POST", "/query/v1/suiteql", json={"q": "SELECT id FROM customer WHERE id = 0"},
            params={"limit": "1"}, headers={"Prefer": "transient"},
        )  # fmt: skip
        self.clock(answer.server_time, answer.sent_at)
        self.ok("connection", f"signed in to account {self._settings.realm}")

    async def _entity(self, entity: str) -> None:
        try:
            await self._reader.probe(entity)
        except ConnectorError as error:
            self.failed(entity, error)
            self.unreadable[entity] = frozenset(f.field for f in self._maps[entity].fields)
            return
        missing = self._reader.missing(entity)
        self.unreadable[entity] = missing
        self.unwritable[entity] = missing
        ours = {"other_id": self._settings.customer_id_field,
                "lines": self._settings.line_key_field}  # fmt: skip
        if entity == "order":
            ours["other_id"] = self._settings.order_id_field
        for field in sorted(missing):
            if field in ours:
                self.fail(
                    entity, f"there is no field {ours[field]}, or the role may not see it",
                    "let an administrator make it: docs/connectors/netsuite.md says how",
                )  # fmt: skip
            else:
                self.fail(entity, f"the role may not see what {field} is read from",
                          "give the role the permission, or take the field out of "
                          "ownership.yaml")  # fmt: skip
        if not missing:
            self.ok(entity, f"{self._maps[entity].object} can be read")

    async def _currency(self) -> None:
        """Compare the stated currency with the subsidiary's."""
        where = "" if self._settings.subsidiary is None else (
            f" WHERE s.id = {self._settings.subsidiary}")  # fmt: skip
        try:
            rows = await self._client.page(
                "SELECT s.id, c.symbol FROM subsidiary s INNER JOIN currency c ON "
                f"c.id = s.currency{where} ORDER BY s.id", 1000,
            )  # fmt: skip
        except NotPermittedError:
            self.warn("subsidiary", "the role may not see subsidiaries; the currency of balances "
                      "and limits was not checked")  # fmt: skip
            return
        symbols = {str(row.get("symbol")) for row in rows}
        if self._settings.subsidiary is not None and not rows:
            self.fail("subsidiary", f"there is no subsidiary {self._settings.subsidiary}",
                      "look its internal id up under Setup > Company > Subsidiaries")  # fmt: skip
        elif self._settings.subsidiary is None and len(rows) > 1:
            self.fail("subsidiary", f"the account has {len(rows)} subsidiaries; one connection is "
                      "for one of them", "set `subsidiary` to its internal id")  # fmt: skip
        elif symbols and symbols != {self._settings.currency}:
            self.fail("currency", f"the subsidiary's currency is {', '.join(sorted(symbols))}, not "
                      f"{self._settings.currency}", "set `currency` to it")  # fmt: skip
        else:
            self.ok("currency", f"balances and limits are in {self._settings.currency}")

    async def _deletions(self) -> None:
        if not self._settings.deletions:
            return
        try:
            await self._client.page(
                "SELECT d.recordid, d.type FROM deletedrecord d ORDER BY d.recordid", 1
            )
        except NotPermittedError as error:
            self.fail("deletions", error.message, "give the role the permission Deleted Records, "
                      "or set `deletions: false`")  # fmt: skip

    async def _signs(self) -> None:
        """Read one order both ways: whether queries book with the signs we believe."""
        if "lines" not in {f.field for f in self._maps.get("order", ObjectMap("", "", ())).fields}:
            return
        rows = await self._client.page(
            "SELECT t.id FROM transaction t WHERE t.type = 'SalesOrd' ORDER BY t.id DESC", 1
        )
        if not rows:
            self.warn("orders", "there is no order yet to compare queries and records by")
            return
        key = str(rows[0]["id"])
        answer = await self._client.record(
            "GET", f"/salesOrder/{key}", params={"fields": "subtotal"}
        )
        _, lines = (await self._reader.booked([key])).get(key, (None, []))
        net = sum((_amount(line.get("amount")) for line in lines), Decimal(0))
        told = _amount(answer.data.get("subtotal"))
        if abs(net - told) > _CENT:
            self.fail("orders", f"order {key} comes to {net} by its lines and to {told} by its "
                      "record: this account books otherwise than the connector believes",
                      "do not sync orders; report it with the order's lines")  # fmt: skip
        else:
            self.ok("orders", f"order {key} comes to the same by query and by record")


def _amount(value: Any) -> Decimal:
    return Decimal(str(value or 0))
