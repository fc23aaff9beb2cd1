"""Quotes in histories: deals stay open while prices and stock move; what verdicts must be then."""

# ruff: noqa: S311  one seed must decide everything

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING

from interlock.connectors.memory.storage import State
from interlock.governance.rules import Side
from interlock.model import Money, StageKind
from interlock.processes.quote_verdicts import APPROVED, PROCESS, Verdicts
from interlock.store import cases, epochs, history
from interlock.testing.simulator.plan import Step

if TYPE_CHECKING:
    from interlock.testing.simulator.checks import Evidence
    from interlock.testing.simulator.world import World

__all__ = ["act", "verdicts_shown", "with_quotes"]

_SHARE = 0.25
"""Histories in which prices and stock move."""
_ACTS = ("quote", "quote", "price", "price", "stock", "forget_price")

_TOLD = ("quote_checked", "quote_overridden")


def with_quotes(seed: int, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Put quotes into some histories, drawn apart so that the others stay as they are."""
    rng = Random(f"quotes {seed}")
    if rng.random() >= _SHARE:
        return tuple(steps)
    out = list(steps)
    begin = next(n for n, s in enumerate(steps) if s.kind == "rest") + 1
    for name in ("price", "quote", "price", *rng.choices(_ACTS, k=rng.randint(2, 8))):
        out.insert(rng.randint(begin, len(out)), Step("quote", name, rng.getrandbits(32)))
    return tuple(out)


def act(world: World, step: Step) -> None:
    """Carry out one of these steps."""
    rng = Random(step.seed)
    crm, erp = world.systems[Side.CRM], world.systems[Side.ERP]
    items = [r for r in erp.shelf("product").living() if r.state is State.LIVE]
    if not items:
        return
    world.struck["quotes"] += 1
    chosen = rng.choice(items)
    match step.name:
        case "quote":
            accounts = [r for r in crm.shelf("customer").living() if r.cells.get("ErpId__c")]
            if not accounts:
                return
            line = {"Id": "1", "ProductCode": chosen.cells["sku"], "Quantity": "2",
                    "UnitPrice": "100.00"}  # fmt: skip
            cells = {"Name": "LOCAL-ONLY-quote", "AccountId": rng.choice(accounts).id,
                     "StageName": "Proposal", "Lines": [line],
                     "Amount": {"Amount": "200.00", "CurrencyIsoCode": "EUR"}}  # fmt: skip
            world.say(f"crm adds an open deal {crm.add('deal', cells)}")
        case "stock":
            on_hand = rng.choice(("0", "1", "2", "50"))
            erp.edit("product", chosen.id, {"on_hand": on_hand})
            world.say(f"erp: {on_hand} of product {chosen.id} in stock")
        case _:
            price = None if step.name == "forget_price" else rng.choice(("80", "100", "120", "140"))
            erp.edit("product", chosen.id, {"list_price": price})
            world.say(f"erp: product {chosen.id} costs {price}")
    world.pass_time(rng.choice((0.0, 5.0, 400.0)))


def verdicts_shown(e: Evidence) -> Iterator[str]:
    """Each open deal that was saved has a verdict, the CRM shows it, and it was written once."""
    known = e.world.store.run(lambda tx: cases.load(tx, PROCESS))
    go_live = e.world.project.go_live
    for row in e.alive(Side.CRM, "deal"):
        seen = e.seen.get((Side.CRM, "deal", row.id))
        if row.state is not State.LIVE or seen is None or not seen.there or go_live is None:
            continue
        shown, case = seen.known, known.get(f"deal:{row.id}")
        saved = (seen.modified or seen.first_seen) >= go_live
        asks = isinstance(shown.get("lines"), tuple) and isinstance(shown.get("amount"), Money)
        if saved and asks and shown.get("stage_kind") == StageKind.OPEN:
            e.made += 1
            if case is None:
                yield f"deal {row.id} was saved and has no verdict"
        if case is None or any(w.record_id == row.id for w in e.outbox):
            continue
        if any(letter.record_id == row.id for letter in e.dead) or seen.problems:
            continue
        if shown.get("stage_kind") != StageKind.OPEN:
            continue  # nobody quotes any more: a verdict that was on its way may be left out
        e.made += 1
        verdict = "ok" if case.state == APPROVED else case.state
        if row.cells.get("QuoteCheck__c") != verdict:
            yield f"deal {row.id} shows {row.cells.get('QuoteCheck__c')} instead of {verdict}"
    if e.world.store.run(epochs.began) is None:
        yield from _written_once(e)
    yield from _still_right(e)


def _still_right(e: Evidence) -> Iterator[str]:
    """Check open deals once more: at rest no verdict rests on figures that have moved since."""
    session = e.world.start()
    [verdicts] = [p for p in session.processes if isinstance(p, Verdicts)]
    for subject in e.world.store.run(verdicts.moved):
        e.made += 1
        yield f"{subject} keeps a verdict although what it rests on has changed"


def _written_once(e: Evidence) -> Iterator[str]:
    """Count the times a verdict was written against the times one was made."""
    told: Counter[str | None] = Counter(
        event.record_id
        for event in e.world.store.run(lambda tx: list(history.everything(tx)))
        if event.event in _TOLD
    )
    written: Counter[str] = Counter()
    for change in e.world.journal.changes:
        if change.entity == "deal" and change.by_program and change.before is not None:
            before, after = change.before.cells, change.after.cells
            written[change.id] += before.get("QuoteCheckedAt__c") != after.get("QuoteCheckedAt__c")
    for record_id, times in sorted(written.items()):
        e.made += 1
        if times > told[record_id]:
            yield f"deal {record_id} got {times} verdicts, {told[record_id]} were made"
