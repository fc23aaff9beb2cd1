"""Connectors that misbehave in one way each; run by ``test_suite_catches``, not collected itself.

Every variant names the behaviours that must fail on it; all others must pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import msgspec

from interlock.connectors.base import (
    CheckReport,
    Connector,
    ConnectorContext,
    Finding,
    Found,
    Hint,
    Outcome,
    Page,
    Receipt,
    Refusal,
    RefusalCode,
    Severity,
    Webhook,
    WriteKind,
    WriteRequest,
)
from interlock.connectors.kit import Window
from interlock.connectors.kit.webhooks import OUR_SCHEME
from interlock.connectors.memory.connector import MemoryConnector, Reader
from interlock.connectors.memory.storage import Row
from interlock.errors import NeedsAuthError, ThrottledError, TransientError
from interlock.mapping.codecs import Text
from interlock.mapping.objectmap import FieldMap, ObjectMap
from interlock.model import Asked, Fields, Money, Offer, Presence, Record, Value
from interlock.testing.conformance import BEHAVIOURS, Conformance, Wrong
from tests.conformance.memory_harness import CrmHarness, ErpHarness, MemoryHarness

replace = msgspec.structs.replace


class DropsAtPageBoundary(MemoryConnector):
    """The last record of each full page is lost."""

    fails: ClassVar = {"Sweep"}

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        page = await super().sweep(entity, cursor)
        return replace(page, records=page.records[:-1]) if page.more else page


class PagesByOffset(MemoryConnector):
    """A record deleted while paging shifts another one out of sight."""

    fails: ClassVar = {"Sweep"}

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        start, size = int(cursor or 0), self._settings.page_size
        found: list[Record] = []
        page = await super().sweep(entity, None)
        found += page.records
        while page.more:
            page = await super().sweep(entity, page.cursor)
            found += page.records
        more = len(found) > start + size
        return Page(records=found[start : start + size], cursor=str(start + size), more=more)


class ForgetsOverlap(MemoryConnector):
    """The next round starts at the end of this one: what is committed late is lost."""

    fails: ClassVar = {"Changes"}

    async def changes(self, entity: str, cursor: str | None) -> Page:
        page = await super().changes(entity, cursor)
        return page if page.more else replace(page, cursor=Window(since=self._clock()).save())


class PagesByTimeAlone(MemoryConnector):
    """Records with the change time of a page's last one are skipped."""

    fails: ClassVar = {"Changes"}

    async def changes(self, entity: str, cursor: str | None) -> Page:
        page = await super().changes(entity, cursor)
        if not page.more:
            return page
        window = Window.load(page.cursor, now=self._clock(), delay=self._clock() - self._clock())
        last = max(r.id for r in self._client._open("x").system.shelf(entity).living())
        assert window.at_modified is not None
        return replace(page, cursor=window.after(window.at_modified, last).save())


class HidesArchived(MemoryConnector):
    """Archived records are left out of the sweep."""

    fails: ClassVar = {"Presence"}

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        page = await super().sweep(entity, cursor)
        kept = [r for r in page.records if r.presence is not Presence.ARCHIVED]
        return replace(page, records=kept)


class FindsNothing(MemoryConnector):
    """The recovery look-up is a stub."""

    fails: ClassVar = {"Create"}

    async def find(self, entity: str, references: Sequence[str]) -> Mapping[str, Sequence[Found]]:
        return {}


class CreatesWithoutReference(MemoryConnector):
    """Our key is not stored with the record."""

    fails: ClassVar = {"Create"}

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        return await super().write(entity, [replace(w, reference=None) for w in writes])


class CallsUnknownTransient(MemoryConnector):
    """A lost answer is taken for a failure, so that the engine would write again."""

    fails: ClassVar = {"Create", "Update"}

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        receipts = await super().write(entity, writes)
        return [
            replace(r, outcome=Outcome.TRANSIENT) if r.outcome is Outcome.UNKNOWN else r
            for r in receipts
        ]


class RetriesCreateBlindly(MemoryConnector):
    """A create without an answer is sent again at once."""

    fails: ClassVar = {"Create"}

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        receipts = await super().write(entity, writes)
        unsure = any(r.outcome is Outcome.UNKNOWN for r in receipts)
        creates = all(w.kind is WriteKind.CREATE for w in writes)
        return await super().write(entity, writes) if unsure and creates else receipts


class SwallowsConflict(MemoryConnector):
    """Declares a version check and does not make it."""

    fails: ClassVar = {"Update"}

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        return await super().write(entity, [replace(w, version=None) for w in writes])


class ReportsRefusedAsDone(MemoryConnector):
    """Takes every answer of the system for a success."""

    fails: ClassVar = {"Update", "Batch", "Redaction"}

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        return [
            replace(r, outcome=Outcome.UPDATED) if r.outcome is Outcome.REJECTED else r
            for r in await super().write(entity, writes)
        ]


class SpoilsTheBatch(MemoryConnector):
    """One refused record makes it give up on the others."""

    fails: ClassVar = {"Batch"}

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        receipts: list[Receipt] = []
        for write in writes:
            if any(r.outcome is Outcome.REJECTED for r in receipts):
                receipts.append(replace(receipts[-1], write_id=write.id))
            else:
                receipts += await super().write(entity, [write])
        return receipts


class ForgetsRetryAfter(MemoryConnector):
    """Throttling is passed on without the time to wait."""

    fails: ClassVar = {"Throttling"}

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        try:
            return await super().sweep(entity, cursor)
        except ThrottledError as error:
            raise ThrottledError(error.message) from None


class CutsTexts(MemoryConnector):
    """Keeps only what an old encoding can hold."""

    fails: ClassVar = {"Values"}

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        return await super().write(
            entity,
            [replace(w, fields={n: self._cut(v) for n, v in w.fields.items()}) for w in writes],
        )

    def _cut(self, value: Value | None) -> Value | None:
        return (
            value.encode("latin-1", "replace").decode("latin-1")
            if isinstance(value, str)
            else value
        )


class RoundsAmounts(MemoryConnector):
    """Amounts pass through a number with too few digits."""

    fails: ClassVar = {"Values"}

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        return await super().write(
            entity,
            [replace(w, fields={n: self._rounded(v) for n, v in w.fields.items()}) for w in writes],
        )

    def _rounded(self, value: Value | None) -> Value | None:
        if isinstance(value, Money):
            return Money(type(value.amount)(f"{float(value.amount):.6g}"), value.currency)
        return value


class IgnoresWanted(MemoryConnector):
    """Reads every field it knows."""

    fails: ClassVar = {"Boundary"}

    def __init__(self, kind: str, settings: Any, context: ConnectorContext) -> None:
        import dataclasses

        super().__init__(kind, settings, dataclasses.replace(context, wanted={}))


class LeaksNeverField(MemoryConnector):
    """A field of the never list travels along in a record's problems."""

    fails: ClassVar = {"Boundary"}

    def __init__(self, kind: str, settings: Any, context: ConnectorContext) -> None:
        super().__init__(kind, settings, context)
        reader = self._readers["customer"]
        self._readers["customer"] = _Leaky(
            reader.map, reader.reference, (*reader.columns, "call_notes"), reader.versions
        )


class _Leaky(Reader):
    def record(self, row: Row) -> Record:
        notes = row.cells.get("call_notes")
        record = Reader(self.map, self.reference, self.columns, self.versions).record(row)
        return record if notes is None else replace(record, problems={"name": f"see {notes}"})


class AsksForNeverField(MemoryConnector):
    """Drops the field after reading it, but asks the system for it."""

    fails: ClassVar = {"Boundary"}

    def __init__(self, kind: str, settings: Any, context: ConnectorContext) -> None:
        super().__init__(kind, settings, context)
        for entity, reader in self._readers.items():
            columns = (*reader.columns, "call_notes")
            self._readers[entity] = Reader(reader.map, reader.reference, columns, reader.versions)


class BlanksHiddenFields(MemoryConnector):
    """A field that was not returned is taken for empty."""

    fails: ClassVar = {"Boundary"}

    async def fetch(self, entity: str, ids: Sequence[str]) -> Sequence[Record]:
        names = [item.field for item in self._readers[entity].map.fields]
        return [
            replace(r, fields={**dict.fromkeys(names), **r.fields})
            if r.presence in (Presence.PRESENT, Presence.ARCHIVED) else r
            for r in await super().fetch(entity, ids)
        ]  # fmt: skip


class TellsItsToken(MemoryConnector):
    """Quotes the credentials when they are refused."""

    fails: ClassVar = {"Redaction"}

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        try:
            return await super().sweep(entity, cursor)
        except NeedsAuthError as error:
            token = self._settings.token.get_secret_value()
            raise NeedsAuthError(f"{error.message}: {token}") from None


class QuotesValues(MemoryConnector):
    """Puts the refused record into the reason."""

    fails: ClassVar = {"Redaction"}

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        receipts = await super().write(entity, writes)
        return [
            r if r.reason is None
            else replace(r, reason=replace(r.reason, message=f"{r.reason.message}: {w.fields}"))
            for r, w in zip(receipts, writes, strict=True)
        ]  # fmt: skip


class FindsEverythingGood(MemoryConnector):
    """Its check looks at nothing."""

    fails: ClassVar = {"Connection", "Boundary"}

    async def check(self) -> CheckReport:
        return CheckReport(findings=[Finding(severity=Severity.OK, subject="all", message="fine")])


class RetriesWrongCredentials(MemoryConnector):
    """Takes refused credentials for a passing outage."""

    fails: ClassVar = {"Connection"}

    async def sweep(self, entity: str, cursor: str | None) -> Page:
        try:
            return await super().sweep(entity, cursor)
        except NeedsAuthError as error:
            raise TransientError(error.message) from None


class ClaimsTooMuch(MemoryConnector):
    """Declares a look-up that is not written."""

    fails: ClassVar = {"Honesty", "Boundary"}

    async def lookup(self, entity: str, probe: Fields) -> Sequence[Record]:
        raise NotImplementedError


class ClaimsTooLittle(MemoryConnector):
    """Makes quotes although it declares that it does not."""

    fails: ClassVar = {"Honesty"}
    on = "quote"

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        if any(w.kind is WriteKind.CREATE for w in writes):
            return []
        return await super().write(entity, writes)


class ForgetsToConfirm(MemoryConnector):
    """Says an order or project is open without having opened it."""

    fails: ClassVar = {"Orders", "Projects"}
    on = "order"

    async def write(self, entity: str, writes: Sequence[WriteRequest]) -> Sequence[Receipt]:
        if any("status" in w.fields for w in writes):
            return [Receipt(write_id=w.id, outcome=Outcome.UPDATED) for w in writes]
        return await super().write(entity, writes)


class CallsTornOrdersComplete(MemoryConnector):
    """Does not look for an order's lines."""

    fails: ClassVar = {"Orders"}
    on = "order"

    async def find(self, entity: str, references: Sequence[str]) -> Mapping[str, Sequence[Found]]:
        found = await super().find(entity, references)
        return {key: [replace(f, complete=True) for f in hits] for key, hits in found.items()}


class PricesInItsOwnOrder(MemoryConnector):
    """Answers as the system lists the products, each once."""

    fails: ClassVar = {"Prices"}
    on = "price"

    async def prices(
        self, customer: str | None, asked: Sequence[Asked], *, currency: str, on: date
    ) -> Sequence[Offer | None]:
        each = sorted({a.product: a for a in asked}.values(), key=lambda a: a.product)
        return await super().prices(customer, each, currency=currency, on=on)


class TakesOneCurrencyForAnother(MemoryConnector):
    """Gives the only price there is, in whatever currency was asked for."""

    fails: ClassVar = {"Prices"}
    on = "price"

    async def prices(
        self, customer: str | None, asked: Sequence[Asked], *, currency: str, on: date
    ) -> Sequence[Offer | None]:
        offers = await super().prices(customer, asked, currency="EUR", on=on)
        return [o and replace(o, price=Money(o.price.amount, currency)) for o in offers]


class LosesCase(MemoryConnector):
    """Its object map writes tax ids in small letters, without saying so in its facts."""

    fails: ClassVar = {"RoundTrip"}

    class Lower(Text):
        def encode(self, value: Value | None) -> Any:
            return None if value is None else str(value).lower()

    @classmethod
    def mapped(cls, maps: Mapping[str, ObjectMap]) -> Mapping[str, ObjectMap]:
        customer = maps["customer"]
        fields = tuple(
            FieldMap(f.field, f.path, cls.Lower(f.codec.facts)) if f.field == "tax_id" else f
            for f in customer.fields
        )
        return {**maps, "customer": ObjectMap("customer", customer.object, fields)}


class BelievesAnyWebhook(MemoryConnector):
    """The signature is not looked at."""

    fails: ClassVar = {"Webhooks"}

    def hints(self, webhook: Webhook) -> Sequence[Hint] | Refusal:
        secret = self._settings.webhook_secret.get_secret_value()
        return super().hints(
            replace(webhook, headers={**webhook.headers, **OUR_SCHEME.headers(webhook, secret)})
        )


class BelievesOldWebhooks(MemoryConnector):
    """A recorded webhook can be sent again for ever."""

    fails: ClassVar = {"Webhooks"}

    def hints(self, webhook: Webhook) -> Sequence[Hint] | Refusal:
        stamp = webhook.headers.get("x-interlock-timestamp", "")
        if stamp.isdigit() and len(stamp) < 12:
            webhook = replace(webhook, at=datetime.fromtimestamp(int(stamp), UTC))
        return super().hints(webhook)


class ReadsOneEventOfAWebhook(MemoryConnector):
    """Only the first of the bundled events is read."""

    fails: ClassVar = {"Webhooks"}

    def hints(self, webhook: Webhook) -> Sequence[Hint] | Refusal:
        read = super().hints(webhook)
        return read if isinstance(read, Refusal) else read[:1]


class StumblesOverOddWebhooks(MemoryConnector):
    """A body of another form is an error instead of a refusal."""

    fails: ClassVar = {"Webhooks"}

    def hints(self, webhook: Webhook) -> Sequence[Hint] | Refusal:
        read = super().hints(webhook)
        if isinstance(read, Refusal) and read.code is RefusalCode.UNREADABLE:
            msgspec.json.decode(webhook.body, type=dict[str, list[str]])
        return read


BROKEN: tuple[type[MemoryConnector], ...] = (
    DropsAtPageBoundary, PagesByOffset, ForgetsOverlap, PagesByTimeAlone, HidesArchived,
    FindsNothing, CreatesWithoutReference, CallsUnknownTransient, RetriesCreateBlindly,
    SwallowsConflict, ReportsRefusedAsDone, SpoilsTheBatch, ForgetsRetryAfter, CutsTexts,
    RoundsAmounts, IgnoresWanted, LeaksNeverField, AsksForNeverField, BlanksHiddenFields,
    TellsItsToken, QuotesValues, FindsEverythingGood, RetriesWrongCredentials, ClaimsTooMuch,
    BelievesAnyWebhook, BelievesOldWebhooks, ReadsOneEventOfAWebhook, StumblesOverOddWebhooks,
    ClaimsTooLittle, ForgetsToConfirm, CallsTornOrdersComplete,
    PricesInItsOwnOrder, TakesOneCurrencyForAnother, LosesCase,
)  # fmt: skip


def _harness(variant: type[MemoryConnector]) -> type[MemoryHarness]:
    """Make a harness whose connector is the broken one."""
    entity = getattr(variant, "on", "customer")
    base: type[MemoryHarness] = ErpHarness if entity in ("order", "price") else CrmHarness

    class BrokenHarness(base):  # type: ignore[misc, valid-type]
        entities = (entity,)

        def connect(self, *, wrong: Wrong | None = None, **asked: Any) -> Connector:
            good = super().connect(wrong=wrong, **asked)
            assert isinstance(good, MemoryConnector)
            wanted = {name: frozenset(r.map.facts()) for name, r in good._readers.items()}
            context = ConnectorContext(connection="under-test", installation="4k2m9x",
                                       clock=self.now, wanted=wanted)  # fmt: skip
            return variant(self.kind, self.settings(wrong), context)

        def object_maps(self) -> Mapping[str, ObjectMap]:
            maps = super().object_maps()
            return variant.mapped(maps) if hasattr(variant, "mapped") else maps

    return BrokenHarness


def _under_test(base: type[Conformance], variant: type[MemoryConnector]) -> type[Conformance]:
    name = f"Test{variant.__name__}_{base.__name__.removeprefix('Base')}"
    members = {"harness_class": _harness(variant), "__module__": __name__}
    return type(name, (base,), members)


for _variant in BROKEN:
    for _base in BEHAVIOURS:
        _class = _under_test(_base, _variant)
        globals()[_class.__name__] = _class
