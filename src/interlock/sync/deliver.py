"""Deliver: claim writes, send them once, and store what became of them (rules 16 to 22)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from interlock.connectors.base import EntityCapabilities, Found, Outcome, Reason, Receipt
from interlock.connectors.budget import calls_for
from interlock.errors import (
    BudgetSpentError,
    ConnectorError,
    NeedsAuthError,
    NotPermittedError,
    RejectedError,
    TransientError,
    UnknownOutcomeError,
)
from interlock.governance.budget import purpose_of
from interlock.governance.rules import Side
from interlock.model import ANYTHING, Fields, Presence, Record, Ref, Value, WriteKind, agree
from interlock.store import (
    attached,
    creations,
    epochs,
    links,
    observations,
    outbox,
    pauses,
    refusals,
)
from interlock.store.database import Tx
from interlock.store.links import Bundle
from interlock.store.outbox import OutboxWrite, WriteState
from interlock.sync.limits import admitted
from interlock.sync.observe import fetch_now, note_failure
from interlock.sync.outcomes import bury, settle
from interlock.sync.pair import ENTITY_ORDER, PRIORITY, Connection, Pair
from interlock.sync.progress import Run
from interlock.sync.recovery import Recovery, reason_of, rejected, request_of

__all__ = ["deliver"]

LEASE_MARGIN = timedelta(seconds=30)
WAIT = timedelta(seconds=30)
"""Until a write that waits for a record is looked at again, unless one is linked before."""
TARDY = timedelta(seconds=1)
"""A call begins so soon after ``sending`` was committed, or within a tenth of the settle time; the
settle time counts from that commit, so others may take a later one for never made."""
RIGHT_WAIT = timedelta(minutes=5)
"""Until writes that the credentials lack a right for are tried again."""


async def deliver(pair: Pair, run: Run) -> int:
    """Send what is due to both sides; returns how many writes were settled."""
    handled = 0
    due = await pair.store.call(outbox.claimable, pair.clock())
    for entity in sorted(ENTITY_ORDER, key=lambda e: PRIORITY.get(e, 90)):
        for side in Side:
            caps = pair.side(side).entity(entity)
            if caps is None or (side, entity) not in due:
                continue
            seen: set[str] = set()
            purpose = purpose_of(entity)
            while (
                side not in run.paused
                and entity not in run.paused_entities
                and (side, purpose) not in run.spent
            ):
                with calls_for(purpose):
                    claimed, settled = await _deliver_batch(
                        pair, pair.side(side), entity, caps, run
                    )
                handled += settled
                if not settled and seen.issuperset(claimed):
                    # nothing due, or only writes that must be merged again first; a batch of
                    # writes that wait is no reason to stop before those behind it
                    break
                seen |= claimed
    return handled


async def _deliver_batch(
    pair: Pair, connection: Connection, entity: str, caps: EntityCapabilities, run: Run
) -> tuple[set[str], int]:
    """Send one batch; returns the ids of the writes claimed, and how many were settled."""
    lease = pair.new_id()
    claimed = await pair.store.call(
        outbox.claim,
        connection.side,
        entity,
        now=pair.clock(),
        lease=lease,
        lease_for=caps.settle_time + LEASE_MARGIN,
        limit=caps.batch_size,
    )
    if not claimed:
        return set(), 0
    batch = _Batch(pair, connection, entity, caps, run)
    try:
        doubtful = [w for w in claimed if w.state in (WriteState.SENDING, WriteState.IN_DOUBT)]
        await batch.recover(doubtful)
        batch.progress += len(doubtful)
        ready = await batch.prepare([w for w in claimed if w not in doubtful])
        await batch.send([w for w in ready if w.kind is WriteKind.CREATE])
        await batch.send([w for w in ready if w.kind is WriteKind.UPDATE])
    except ConnectorError as error:
        note_failure(connection, run, error, entity)
        await batch.give_back(claimed, error)
    run.tick("deliver", connection.side, entity, len(claimed))
    return {w.id for w in claimed}, batch.progress


class _Batch(Recovery):
    """One batch of claimed writes to one entity of one side."""

    # ── before the call ──────────────────────────────────────────────────────────────────────

    async def prepare(self, writes: Sequence[OutboxWrite]) -> list[OutboxWrite]:
        """Leave out what moved, waits, exists already, or differs from what was decided on."""
        if not writes:
            return []
        ready = await self.pair.store.call(self._current, writes)
        creates = await self._look_up([w for w in ready if w.kind is WriteKind.CREATE])
        creates = await self._let_through(creates)
        updates = [w for w in ready if w.kind is WriteKind.UPDATE]
        # an answer without the record, to a create for instance, leaves no version to go by
        guarded = [w for w in updates if self.caps.version_check and w.version is not None]
        compared = await self._compare([w for w in updates if w not in guarded])
        return creates + guarded + compared

    def _current(self, tx: Tx, writes: Sequence[OutboxWrite]) -> list[OutboxWrite]:
        """Keep writes whose link has not moved, with references resolved (rules 16, 20)."""
        bundles = links.bundles(tx, [w.link_id for w in writes])
        refs = [r for w in writes for r in _refs(w.fields)]
        linked = links.members_of(
            tx, self.side.other, [(r.entity, r.id[1:]) for r in refs if r.is_foreign]
        )
        live = links.live_members(
            tx, self.side, {int(r.id[1:]) for r in refs if r.is_link} | set(linked.values())
        )
        ids = {r: live.get(_link_of(r, linked)) for r in refs if r.is_link or r.is_foreign}
        ready = []
        for w in writes:
            bundle = bundles.get(w.link_id)
            if bundle is None:
                # taken apart since the claim, and its writes with it
                continue
            if bundle.link.rev != w.rev:
                if bundle.link.rev > bundle.link.reconciled_rev:
                    outbox.release(tx, w)
                    self.run.counts["moved"] += 1
                    continue
                # reconciled again with the same outcome: only the revision is newer
                w = msgspec.structs.replace(w, rev=bundle.link.rev)  # noqa: PLW2901
            unresolved = [r for r in _refs(w.fields) if r in ids and ids[r] is None]
            if unresolved:
                self._wait(tx, w, unresolved[0])
                continue
            ready.append(
                msgspec.structs.replace(
                    w,
                    fields=_resolve(w.fields, ids),
                    expected=_resolve(w.expected, self._shown_as(tx, w.expected, bundle)),
                )
            )
        return ready

    def _shown_as(self, tx: Tx, expected: Fields, bundle: Bundle) -> dict[Ref, tuple[str, str]]:
        """What the target itself shows for references: present or not, linked or not."""
        refs = _refs(expected)
        bundles = links.bundles(tx, sorted({int(r.id[1:]) for r in refs if r.is_link}))
        shown = {r: (r.entity, r.id[1:]) for r in refs if r.is_foreign}
        for ref in refs:
            named = bundles.get(int(ref.id[1:])) if ref.is_link else None
            if named is not None and self.side in named.members:
                member = named.members[self.side]
                shown[ref] = (member.entity, member.id)
        beside = attached.of_links(tx, bundles)
        seen = bundle.seen[self.side].fields if beside and self.side in bundle.seen else {}
        for name, meant in expected.items():
            value = seen.get(name)
            if isinstance(meant, Ref) and meant.is_link and isinstance(value, Ref):
                further = {one.id for one in beside.get(int(meant.id[1:]), ())}
                if value.id in further:
                    shown[meant] = (value.entity, value.id)
        return shown

    def _wait(self, tx: Tx, w: OutboxWrite, ref: Ref) -> None:
        what = f"of link {ref.id[1:]}" if ref.is_link else f"{ref.id[1:]} to be linked"
        text = f"waits for {ref.entity} {what} in the {self.side.value.upper()}"
        outbox.release(
            tx,
            w,
            state=WriteState.WAITING,
            waits_for=text,
            due_at=self.pair.clock() + WAIT,
        )
        self.run.counts["waiting"] += 1

    async def _look_up(self, creates: Sequence[OutboxWrite]) -> list[OutboxWrite]:
        """A create is never blind: look for our reference and for what could be the same."""
        if not creates:
            return []
        references = [w.reference for w in creates if w.reference is not None]
        made = await self.pair.store.call(creations.made_as, references)
        done = {w.id for w in creates if w.reference in made}
        found: Mapping[str, Sequence[Found]] = {}
        if self.caps.find:
            found, creates = await self._find(creates)
        exists: set[str] = set()
        if self.caps.lookup:
            alone = [w for w in creates if w.reference not in found and w.id not in done]
            # all of them come to an end before the batch may be given back
            answers = await asyncio.gather(
                *(self._may_exist(w) for w in alone), return_exceptions=True
            )
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
            exists = {w.id for w, found_one in zip(alone, answers, strict=True) if found_one}
        ready = []
        for w in creates:
            mine = list(found.get(w.reference or "", ()))
            if mine:
                await self._adopt(w, mine)
            elif w.id in done:
                await self._settle(
                    [
                        rejected(
                            w,
                            Reason(
                                code="already_created",
                                message=f"this {self.entity} was created before and has gone since",
                                fix="link the record that replaced it, or discard this",
                            ),
                        )
                    ],
                    [w],
                )
            elif w.id not in exists:
                # what an earlier try left there has gone
                ready.append(msgspec.structs.replace(w, record_id=None))
        return ready

    async def _let_through(self, creates: Sequence[OutboxWrite]) -> list[OutboxWrite]:
        """Keep back creates that a process does not let through now (rule 26)."""
        gate = self.pair.gates.get(self.entity)
        if gate is None or not creates:
            return list(creates)
        withheld = await gate(self.pair, self.run, creates)

        def _keep_back(tx: Tx) -> None:
            for w in creates:
                if w.id in withheld:
                    outbox.release(
                        tx,
                        w,
                        state=WriteState.WAITING,
                        waits_for=withheld[w.id],
                        due_at=self.pair.clock() + WAIT,
                    )

        if withheld:
            await self.pair.store.call(_keep_back)
            self.run.counts["waiting"] += len(withheld)
        return [w for w in creates if w.id not in withheld]

    async def _may_exist(self, w: OutboxWrite) -> bool:
        """Look live for a record that could be the same; park the create if there is one."""
        read_from = self.pair.clock()
        try:
            candidates = await self.connection.connector.lookup(self.entity, w.fields)
        except RejectedError as error:
            await self._settle([rejected(w, reason_of(error))], [w])
            return True
        if not candidates:
            return False

        def _park(tx: Tx) -> bool:
            page = observations.save_page(
                tx,
                self.side,
                self.entity,
                candidates,
                read_from=read_from,
                map_version=self.pair.map_version,
                read_lag=self.caps.read_lag,
                comparable_versions=self.caps.newest_version_comparable,
            )
            known = observations.load(tx, self.side, self.entity, [c.id for c in candidates])
            refused = refusals.load(tx, self.entity)
            # what was judged before may be another now
            moved = {*page.new, *page.changed}
            fresh = [
                o
                for i, o in known.items()
                if o.link_id is None
                and (o.unlinked is None or (i in moved and o.unlinked != "parked"))
                and ((w.source_id, i) if self.side is Side.ERP else (i, w.source_id)) not in refused
            ]
            if not fresh:
                return False
            now = self.pair.clock()
            if not any(o.presence is Presence.PRESENT for o in fresh):
                # nobody matches what is archived, so nobody would ever decide
                bury(tx, self._settlement(now), w, _like_archived(self.entity, fresh[0].id))
                return True
            # the matching of the next round decides whether it is the same
            outbox.release(tx, w, due_at=now + timedelta(seconds=1))
            self.run.counts["found_before_create"] += 1
            return True

        return await self.pair.store.call(_park)

    async def _compare(self, updates: Sequence[OutboxWrite]) -> list[OutboxWrite]:
        """Without a version to go by: fetch just before and compare (rule 18)."""
        if not updates:
            return []
        ids = [w.record_id for w in updates if w.record_id is not None]
        refused: dict[str, RejectedError] = {}
        shown = await fetch_now(self.pair, self.side, self.entity, ids, self.run, refused)
        ready, moved = [], []
        for w in updates:
            record = shown.get(w.record_id or "")
            if error := refused.get(w.record_id or ""):
                await self._settle([rejected(w, reason_of(error))], [w])
            elif record is not None and self._as_expected(w, record):
                ready.append(msgspec.structs.replace(w, version=record.version))
            else:
                moved.append(w)
        if moved:
            await self.pair.store.call(self._moved, moved)
            self.run.counts["moved"] += len(moved)
        return ready

    def _moved(self, tx: Tx, writes: Sequence[OutboxWrite]) -> None:
        for w in writes:
            outbox.release(tx, w)
        links.raise_revision(tx, [w.link_id for w in writes])

    def _as_expected(self, w: OutboxWrite, record: Record) -> bool:
        return all(
            agree(record.fields[f], v, self.caps.fields.get(f, ANYTHING))
            for f, v in w.expected.items()
            if f in record.fields
        )

    # ── the call ─────────────────────────────────────────────────────────────────────────────

    async def send(self, writes: Sequence[OutboxWrite]) -> None:
        """Commit that the writes are being sent, send them, store the receipts."""
        if not writes:
            return
        # the settle time counts from ``sending``: no waiting for a turn after it
        await self.connection.budget.ready()
        sending = await self.pair.store.call(self._mark_sending, writes)
        if not sending:
            return
        await self._call(sending)

    async def _call(self, sending: Sequence[OutboxWrite]) -> None:
        """Make the call and store the receipts; a batch refused whole is split (rule 22).

        A connector raises only when nothing of the batch was written, so each half may be sent.
        """
        if await self._give_back_if_late(sending):
            return
        requests = [request_of(w) for w in sending]
        try:
            receipts = await self._keep(
                sending, self.connection.connector.write(self.entity, requests)
            )
        except (TransientError, NeedsAuthError) as error:
            note_failure(self.connection, self.run, error, self.entity)
            receipts = _all(sending, Outcome.THROTTLED, until=self._again_at(error))
        except NotPermittedError as error:
            # no record is at fault: they go out once a person has given the right
            note_failure(self.connection, self.run, error, self.entity)
            receipts = _all(sending, Outcome.THROTTLED, until=self.pair.clock() + RIGHT_WAIT)
        except RejectedError as error:
            if len(sending) > 1:
                await self._call_halves(sending)
                return
            receipts = _all(sending, Outcome.REJECTED, reason=reason_of(error))
        except UnknownOutcomeError:
            receipts = _all(sending, Outcome.UNKNOWN)
        await self._settle(receipts, self._tried(sending, receipts))

    async def _give_back_if_late(self, sending: Sequence[OutboxWrite]) -> bool:
        """Send nothing once this process stood still since it committed that it would."""
        now = self.pair.clock()
        since = max(now - w.sent_at for w in sending if w.sent_at is not None)
        if since <= max(TARDY, self.caps.settle_time / 10):
            return False

        def _return(tx: Tx) -> None:
            for w in sending:
                outbox.release(tx, w, state=WriteState.READY, due_at=now)

        await self.pair.store.call(_return)
        return True

    async def _call_halves(self, sending: Sequence[OutboxWrite]) -> None:
        middle = len(sending) // 2
        for half in (sending[:middle], sending[middle:]):
            if self.side in self.run.paused:
                # the other half found the system away: these were not sent
                await self._settle(_all(half, Outcome.THROTTLED), half)
            else:
                await self._call(half)

    def _tried(
        self, writes: Sequence[OutboxWrite], receipts: Sequence[Receipt]
    ) -> list[OutboxWrite]:
        """Count the tries nobody answered; from now on the system works on them unwatched."""
        now = self.pair.clock()
        answered = {r.write_id for r in receipts if r.outcome is not Outcome.UNKNOWN}
        return [
            w
            if w.id in answered
            else msgspec.structs.replace(w, sent_at=now, attempts=w.attempts + 1)
            for w in writes
        ]

    def _mark_sending(self, tx: Tx, writes: Sequence[OutboxWrite]) -> list[OutboxWrite]:
        """Reference and ``sending`` are committed before the call (rule 19)."""
        now = self.pair.clock()
        if epochs.held(tx):
            # the store went back, or was set back, while this batch was being prepared
            return []
        if self._stopped(tx, now):
            for w in writes:
                outbox.release_if(tx, w)
            return []
        writes = admitted(tx, self.pair, self.run, self.side, self.entity, writes)
        if not writes:
            return []
        epochs.advance(tx)
        sending = outbox.mark_sending(tx, writes, now=now, until=now + self.caps.settle_time)
        creations.issue(tx, sending, now)
        return sending

    def _stopped(self, tx: Tx, now: datetime) -> bool:
        """Say whether a person paused the system or the entity since this run began."""
        sides, entities = pauses.subjects(tx, now)
        self.run.paused |= sides
        self.run.paused_entities |= entities
        return self.side in sides or self.entity in entities

    # ── after the call ───────────────────────────────────────────────────────────────────────

    async def _settle(self, receipts: Sequence[Receipt], writes: Sequence[OutboxWrite]) -> None:
        answered = self.pair.clock()
        self.progress += len(writes)
        by_id = {r.write_id: r for r in receipts}
        settlement = self._settlement(answered)
        await self.pair.store.call(
            settle,
            settlement,
            [
                (w, by_id.get(w.id) or Receipt(write_id=w.id, outcome=Outcome.UNKNOWN))
                for w in writes
            ],
        )
        again = [
            w.record_id
            for w in writes
            if w.kind is WriteKind.UPDATE
            and w.record_id
            and w.id in by_id
            and by_id[w.id].outcome is Outcome.CONFLICT
        ]
        if again:
            await fetch_now(self.pair, self.side, self.entity, again, self.run)

    def _again_at(self, error: ConnectorError) -> datetime | None:
        """When the system wants to be asked again; our own budget is asked anew in every run."""
        if isinstance(error, BudgetSpentError):
            return self.pair.clock()
        return getattr(error, "until", None)

    async def give_back(self, claimed: Sequence[OutboxWrite], error: ConnectorError) -> None:
        """Return writes nothing was done with; a pause uses up no patience."""
        now = self.pair.clock()
        until = self._again_at(error) or now + self.pair.patience.retry_base

        def _return(tx: Tx) -> None:
            for w in claimed:
                if w.state in (WriteState.READY, WriteState.WAITING):
                    outbox.release_if(tx, w, due_at=until)
                else:
                    outbox.release_if(tx, w, due_at=until, state=WriteState.IN_DOUBT)

        await self.pair.store.call(_return)


def _all(writes: Sequence[OutboxWrite], outcome: Outcome, **more: Any) -> list[Receipt]:
    return [Receipt(write_id=w.id, outcome=outcome, **more) for w in writes]


def _like_archived(entity: str, record_id: str) -> Reason:
    return Reason(
        code="like_archived",
        message=f"{entity} {record_id} there could be the same, but is archived",
        fix=f"bring {record_id} back, or change what both have in common",
    )


def _refs(fields: Fields) -> list[Ref]:
    refs = [v for v in fields.values() if isinstance(v, Ref)]
    for value in fields.values():
        if isinstance(value, tuple):
            refs += [line.product for line in value if line.product is not None]
    return refs


def _link_of(ref: Ref, linked: Mapping[tuple[str, str], int]) -> int:
    if ref.is_link:
        return int(ref.id[1:])
    return linked.get((ref.entity, ref.id[1:]), -1)


def _resolve(fields: Fields, ids: Mapping[Ref, tuple[str, str] | None]) -> Fields:
    """Replace references to links by references to the target's own records."""

    def _one(ref: Ref) -> Ref:
        found = ids.get(ref)
        return ref if found is None else Ref(*found)

    out: Fields = {}
    for name, value in fields.items():
        resolved: Value | None = value
        if isinstance(value, Ref):
            resolved = _one(value)
        elif isinstance(value, tuple):
            resolved = tuple(
                msgspec.structs.replace(line, product=line.product and _one(line.product))
                for line in value
            )
        out[name] = resolved
    return out
