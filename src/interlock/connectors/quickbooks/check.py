"""What ``interlock check`` looks at in QuickBooks."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.connectors.base import CheckReport
from interlock.connectors.kit.checkup import Checkup
from interlock.connectors.quickbooks.client import Client
from interlock.connectors.quickbooks.config import QuickBooksSettings
from interlock.connectors.quickbooks.objects import Source
from interlock.connectors.quickbooks.reading import Reader
from interlock.errors import ConnectorError, InterlockError

__all__ = ["Inspection"]


class Inspection(Checkup):
    """One run of ``check``: asks, collects findings, never raises for what it can report."""

    def __init__(
        self, client: Client, reader: Reader, settings: QuickBooksSettings,
        known: Mapping[str, tuple[Source, ...]],
    ) -> None:  # fmt: skip
        super().__init__()
        self._client = client
        self._reader = reader
        self._settings = settings
        self._known = known

    async def run(self) -> CheckReport:
        """Look at the sign-in, the clock, the company's preferences, and each object."""
        try:
            await self._company()
        except InterlockError as error:
            self.failed("connection", error)
        else:
            for entity, found in self._known.items():
                await self._entity(entity, found)
        self.version = "v3, minor version 75"
        return self.report()

    async def _company(self) -> None:
        answer = await self._client.call("GET", "/preferences")
        self.clock(answer.server_time, answer.sent_at)
        self.ok("connection", "signed in")
        if not self._client.tokens.durable:
            self.warn("refresh token", "a new one is kept until the process ends, no longer",
                      "run it in a project that has its INTERLOCK_KEY")  # fmt: skip
        preferences = answer.data.get("Preferences") or {}
        money = preferences.get("CurrencyPrefs") or {}
        home = (money.get("HomeCurrency") or {}).get("value")
        if home is not None and home != self._settings.currency:
            self.fail("currency", f"the company's home currency is {home}, not "
                      f"{self._settings.currency}", f"set `currency: {home}`")  # fmt: skip
        forms = preferences.get("SalesFormsPrefs") or {}
        if forms.get("CustomTxnNumbers"):
            self.warn("document numbers", "custom transaction numbers are on: what Interlock makes "
                      "gets no number", "switch them off under Sales in the settings")  # fmt: skip
        if forms.get("AllowEstimates") is False and self._settings.order_as == "estimate":
            self.fail("estimates", "estimates are switched off in the company",
                      "switch them on under Sales, or set `order_as: invoice`")  # fmt: skip

    async def _entity(self, entity: str, found: tuple[Source, ...]) -> None:
        for source in found:
            try:
                await self._reader.select(entity, source, ["Id > '0'"], "MAXRESULTS 1")
            except ConnectorError as error:
                self.failed(entity, error)
            else:
                self.ok(entity, f"{source.object} can be read")
