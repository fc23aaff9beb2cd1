"""Verdicts on quotes and open deals: made when one is saved, written back to it, overridden.

Each quote or deal has a link without members, the subject of the writes: a deal's own link is its
order's.  A verdict is about what is quoted, by its digest; saved again, it is another one.  While
the quote is open, another one is made, too, when what the ERP shows would say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

import msgspec

from interlock.governance.pricing import Verdict
from interlock.governance.rules import Side
from interlock.model import Fields, Money, Ref, StageKind, Value, WriteKind, agree
from interlock.processes.quote_basis import Basis, gist_of, read_basis
from interlock.processes.quote_check import Answer
from interlock.processes.quote_facts import Quotes, Wanted, digest_of_quote
from interlock.store import cases, history, links, observations
from interlock.store.cases import Case
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.links import Bundle
from interlock.store.observations import Observation
from interlock.sync.decision import Intent
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["APPROVED", "PROCESS", "Verdicts", "approve_verdict", "keep"]

PROCESS = "quote_check"
APPROVED = "approved"
"""State of a verdict that an approver has overridden."""
_APPROVAL = "quote_approval"
_LINK = "verdict"
_FIELDS = ("quote_check", "quote_check_reason", "quote_checked_at")
_AT_ONCE = 100
"""Quotes checked in one run; the others follow in the next."""


class _Due(msgspec.Struct, frozen=True):
    """What is to be checked; ``unasked``: because the ERP is to say it, so only if it answers."""

    entity: str
    id: str
    wanted: Wanted
    unasked: bool = False


class Verdicts:
    """The process on the links of verdicts."""

    entity = _LINK

    def __init__(self, pair: Pair, quotes: Quotes) -> None:
        self.pair = pair
        self.quotes = quotes
        self._weighed = ""
        """What everything that verdicts rest on looked like when all of them were weighed."""

    async def prepare(self, run: Run) -> None:
        """Check what was saved since it was checked last, or what no longer rests on the same."""
        entities = [e for e in ("quote", "deal") if self._writable(e)]
        if not entities or self.quotes.settings.go_live is None or Side.CRM in run.paused:
            return
        live = Side.ERP not in run.paused
        due, state = await self.pair.store.call(self._look, entities)
        for each in due[:_AT_ONCE]:
            if each.unasked and not live:
                continue
            answer = await self.quotes.check(each.wanted, live=live)
            # an ERP that did not answer in time is not waited for once more in this run
            live = answer.answered
            if each.unasked and not live:
                continue
            await self.pair.store.call(
                keep, self.quotes, each.entity, each.id, each.wanted, answer, run
            )
        if live and len(due) <= _AT_ONCE:
            self._weighed = state

    def _writable(self, entity: str) -> Sequence[str]:
        """The fields a verdict can be written to."""
        caps, rules = self.pair.crm.entity(entity), self.pair.rules(entity)
        if caps is None or rules is None or not caps.update:
            return ()
        found = [
            f for f in _FIELDS if f in caps.fields and caps.fields[f].writable and f in rules.fields
        ]
        return found if "quote_check" in found else ()

    def _look(self, tx: Tx, entities: Sequence[str]) -> tuple[list[_Due], str]:
        """What is to be checked; what lost its verdict gets it again."""
        state = self.quotes.state_of(tx)
        due, lost = self._due(tx, entities, weigh=state != self._weighed)
        links.raise_revision(tx, lost)
        return due, state

    def _due(self, tx: Tx, entities: Sequence[str], *, weigh: bool) -> tuple[list[_Due], list[int]]:
        """What shows something else than was checked, and links of what lost its verdict.

        ``weigh``: also what rests on something else.
        """
        since = self.quotes.settings.go_live
        assert since is not None
        known = cases.load(tx, PROCESS)
        deals = {
            d.id: d
            for d in observations.present(tx, Side.CRM, "deal")
            if d.there and d.fields.get("stage_kind") == StageKind.OPEN
        }
        saved = [
            (entity, seen, deal)
            for entity in entities
            for seen, deal in _saved(tx, entity, deals)
            if f"{entity}:{seen.id}" in known or (seen.modified or seen.first_seen) >= since
        ]
        customers, products = _partners(tx, [(seen, deal) for _, seen, deal in saved])
        found: list[_Due] = []
        checked: list[tuple[_Due, Case]] = []
        lost = []
        for entity, seen, deal in saved:
            case = known.get(f"{entity}:{seen.id}")
            wanted = self._wanted(tx, seen, deal, customers, products)
            if wanted is None:
                continue
            due = _Due(entity, seen.id, wanted)
            if case is None or case.seen_hash != digest_of_quote(wanted):
                found.append(due)
                continue
            checked.append((due, case))
            if seen.instant > case.at and case.link_id and self._differs(entity, case, seen):
                lost.append(case.link_id)
        return found + self._moved(tx, checked, weigh=weigh), lost

    def moved(self, tx: Tx) -> list[str]:
        """Name the open quotes and deals whose verdict is to be made, or made again."""
        entities = [e for e in ("quote", "deal") if self._writable(e)]
        if not entities or self.quotes.settings.go_live is None:
            return []
        due, _ = self._due(tx, entities, weigh=True)
        return [f"{each.entity}:{each.id}" for each in due if not each.unasked]

    def _moved(self, tx: Tx, checked: Sequence[tuple[_Due, Case]], *, weigh: bool) -> list[_Due]:
        """Those of the verdicts that no longer rest on the same, or were made without the ERP."""
        gists = self.quotes.gists(tx, [due.wanted for due, _ in checked]) if weigh else []
        found, unasked = [], []
        for number, (due, case) in enumerate(checked):
            basis = read_basis(case.snapshot)
            if weigh and (basis is None or basis.gist != gists[number]):
                found.append(due)
            elif basis is not None and (not basis.live or (weigh and not basis.settled)):
                unasked.append(msgspec.structs.replace(due, unasked=True))
        return found + unasked

    def _wanted(
        self,
        tx: Tx,
        seen: Observation,
        deal: Observation,
        customers: Mapping[str, str],
        products: Mapping[str, str],
    ) -> Wanted | None:
        lines, amount = seen.fields.get("lines"), deal.fields.get("amount")
        currency = seen.fields.get("currency")
        if not isinstance(currency, str) or not currency:
            currency = amount.currency if isinstance(amount, Money) else ""
        if not isinstance(lines, tuple) or not lines or not currency:
            return None
        account, owner = deal.fields.get("customer"), deal.fields.get("owner")
        return Wanted(
            currency=currency,
            lines=self.quotes.resolve(tx, lines, products),
            customer=customers.get(account.id) if isinstance(account, Ref) else None,
            user=owner if isinstance(owner, str) else None,
            deal=deal.id,
        )

    def _differs(self, entity: str, case: Case, seen: Observation) -> bool:
        caps = self.pair.crm.entity(entity)
        assert caps is not None
        return any(
            f in seen.known and not agree(value, seen.known[f], caps.fields[f])
            for f, value in self._told(entity, case).items()
        )

    def _told(self, entity: str, case: Case) -> Fields:
        """Give what the quote or deal is to show, as its fields hold it."""
        caps = self.pair.crm.entity(entity)
        assert caps is not None
        shown = _shown(case)
        return {f: _fitting(shown[f], caps.fields[f].max_length) for f in self._writable(entity)}

    def intents(self, tx: Tx, bundles: Sequence[Bundle]) -> Mapping[int, Sequence[Intent]]:
        """Show each verdict on what it is about."""
        subjects = {b.link.id: b.link.evidence for b in bundles}
        known = cases.load(tx, PROCESS, list(subjects.values()))
        found = {}
        for link_id, subject in subjects.items():
            case = known.get(subject)
            entity, _, record_id = subject.partition(":")
            seen = observations.load(tx, Side.CRM, entity, [record_id]).get(record_id)
            if case is None or seen is None or not seen.there:
                continue
            if not self._differs(entity, case, seen):
                continue
            fields = self._told(entity, case)
            found[link_id] = [
                Intent(
                    target=Side.CRM,
                    entity=entity,
                    kind=WriteKind.UPDATE,
                    record_id=record_id,
                    fields=fields,
                    expected={f: seen.known[f] for f in fields if f in seen.known},
                    why="quote check",
                )
            ]
        return found


def _partners(
    tx: Tx, saved: Sequence[tuple[Observation, Observation]]
) -> tuple[dict[str, str], dict[str, str]]:
    """The ERP's customers and products behind these, by their ids in the CRM."""
    accounts = {a.id for _, deal in saved if isinstance(a := deal.fields.get("customer"), Ref)}
    named = {
        line.product.id
        for seen, _ in saved
        if isinstance(lines := seen.fields.get("lines"), tuple)
        for line in lines
        if line.product is not None
    }
    return (
        links.partners(tx, Side.CRM, "customer", sorted(accounts)),
        links.partners(tx, Side.CRM, "product", sorted(named)),
    )


def _saved(
    tx: Tx, entity: str, deals: Mapping[str, Observation]
) -> Iterator[tuple[Observation, Observation]]:
    """Open deals, or the quotes on them that nobody has accepted, each with its deal."""
    if entity == "deal":
        yield from ((deal, deal) for deal in deals.values())
        return
    for quote in observations.present(tx, Side.CRM, "quote"):
        ref = quote.fields.get("deal")
        deal = deals.get(ref.id) if isinstance(ref, Ref) else None
        if deal is not None and quote.there and quote.fields.get("accepted") is not True:
            yield quote, deal


def _shown(case: Case) -> dict[str, Value]:
    verdict = Verdict.OK.value if case.state == APPROVED else case.state
    return {
        "quote_check": verdict,
        "quote_check_reason": case.why,
        "quote_checked_at": case.at,
    }


def _fitting(value: Value, length: int | None) -> Value:
    if isinstance(value, str) and length is not None and len(value) > length:
        return value[: length - 1] + "…"
    return value


def keep(
    tx: Tx, quotes: Quotes, entity: str, record_id: str, wanted: Wanted, answer: Answer, run: Run
) -> Case:
    """Keep a verdict; an approver's override of the very same quote stands."""
    now, subject, digest = quotes.pair.clock(), f"{entity}:{record_id}", digest_of_quote(wanted)
    before = cases.load(tx, PROCESS, [subject]).get(subject)
    if before is not None and before.seen_hash != digest:
        before = msgspec.structs.replace(before, state="", snapshot=None)
    given = cases.load(tx, _APPROVAL, [digest.hex()]).get(digest.hex())
    state, why = answer.verdict.value, answer.reason
    if given is not None and answer.verdict is not Verdict.OK and _covers(given, answer):
        state, why = APPROVED, given.why
    basis = _basis(quotes.gists(tx, [wanted])[0], answer, quotes.today(), before)
    if before is not None and (before.state, before.why) == (state, why):
        if before.snapshot != basis:
            before = msgspec.structs.replace(before, snapshot=basis)
            cases.put(tx, [before])
        return before
    link_id = before.link_id if before is not None else None
    if link_id is None:
        link_id = links.create(tx, _LINK, [], origin="process", evidence=subject, now=now)
    case = Case(
        process=PROCESS,
        source_id=subject,
        state=state,
        why=why,
        at=now,
        seen_hash=digest,
        snapshot=basis,
        link_id=link_id,
    )
    cases.put(tx, [case])
    links.raise_revision(tx, [link_id])
    _tell(tx, "quote_checked", case, f"{state}: {why}", now, run.id)
    run.counts["quotes_checked"] += 1
    return case


def _basis(gist: bytes, answer: Answer, on: date, before: Case | None) -> bytes:
    """Pack what a verdict rests on.

    The ERP may have said something that the store has not seen yet, and take it back before it
    does: then the quote is checked once more at the next look, even if nothing seems to have moved.
    """
    earlier = read_basis(before.snapshot) if before is not None else None
    again = earlier is not None and not earlier.settled and earlier.gist == gist
    settled = again or gist == gist_of(answer, on)
    codes = tuple(sorted({f.code for f in answer.findings}))
    return Basis(gist, codes, live=answer.answered, settled=settled).packed()


def _covers(given: Case, answer: Answer) -> bool:
    """Say whether an override is for all that would stop a quote now."""
    basis = read_basis(given.snapshot)
    stops = {f.code for f in answer.findings if f.verdict is Verdict.STOP}
    return basis is None or stops <= set(basis.codes)


def approve_verdict(tx: Tx, case: Case, *, by: str, reason: str, now: datetime) -> Case:
    """Record an approver's override: it holds for what was checked, not for what it becomes."""
    assert case.seen_hash is not None
    why = f"approved by {by}: {reason}"
    given = Case(
        process=_APPROVAL,
        source_id=case.seen_hash.hex(),
        state=APPROVED,
        why=why,
        at=now,
        snapshot=case.snapshot,
    )
    approved = msgspec.structs.replace(case, state=APPROVED, why=why, at=now)
    cases.put(tx, [given, approved])
    if case.link_id is not None:
        links.raise_revision(tx, [case.link_id])
    _tell(tx, "quote_overridden", case, f"{why} (was {case.state}: {case.why})", now, None)
    return approved


def _tell(tx: Tx, event: str, case: Case, why: str, now: datetime, run_id: str | None) -> None:
    entity, _, record_id = case.source_id.partition(":")
    told = Event(
        at=now,
        event=event,
        entity=entity,
        link_id=case.link_id,
        side=Side.CRM,
        record_id=record_id,
        run_id=run_id,
        why=why,
    )
    history.add(tx, [told])
