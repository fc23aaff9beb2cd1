"""Order to cash: what customers owe, buy and are worth, and how orders are paid, for the CRM.

``prepare`` works the figures out from what was seen of the ERP and makes them public as signals of
its records; from then on the merge carries them like any other field the ERP owns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import chain

import msgspec

from interlock.governance.rules import Side
from interlock.governance.signals import SignalRules
from interlock.model import HOLD_FIELDS, SIGNALS, Fields, Money, Ref
from interlock.processes.cash_alerts import (
    DIFFERS,
    LATER,
    OVERDUE,
    UNHEARD,
    UNKNOWN,
    raise_and_end,
    tell_problems,
)
from interlock.processes.health import health_of, tier_of
from interlock.processes.hold_rules import HoldRules, Members, by_rule
from interlock.processes.invoiced import invoiced
from interlock.processes.members import hold_beside, rolled_up
from interlock.processes.publishing import is_due, is_new, today_of
from interlock.processes.receivables import Figures, arrears, figures_of
from interlock.processes.roles import Roles
from interlock.processes.touched import Touched, invoices_of, take_touched
from interlock.store import attached, billed, feeds, signals
from interlock.store.database import Tx, chunks
from interlock.store.links import Bundle
from interlock.store.signals import Shown
from interlock.sync.decision import Intent
from interlock.sync.observe import fetch_now
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["OVERDUE", "OrderToCash", "made_public"]

_LOOKED = "order_to_cash"


def made_public(entity: str, holds: HoldRules) -> frozenset[str]:
    """Fields that records of the ERP show though the ERP need not have them."""
    names = SIGNALS.get(entity, frozenset())
    return names | set(HOLD_FIELDS) if entity == "customer" and holds.computes else names


class _Look(msgspec.Struct, frozen=True):
    """What the last look went by; ``day``: the company's, ISO 8601."""

    rules: str = ""
    day: str = ""
    currencies: Sequence[str] = ()


class OrderToCash:
    """The process.  It writes nothing by itself: its figures are fields the ERP owns."""

    entity = "customer"

    def __init__(self, pair: Pair, rules: SignalRules, holds: HoldRules, roles: Roles) -> None:
        self.pair = pair
        self.rules = rules
        self.holds = holds
        self.roles = roles

    @property
    def erp_has_holds(self) -> bool:
        """Say whether the ERP has holds of its own."""
        caps, rules = self.pair.erp.entity("customer"), self.pair.rules("customer")
        return (
            caps is not None
            and rules is not None
            and "credit_hold" in caps.fields
            and "credit_hold" in rules.fields
        )

    @property
    def works_out_holds(self) -> bool:
        """Say whether holds follow from what is overdue, for want of the ERP's own."""
        return self.holds.computes and not self.erp_has_holds

    def intents(self, _tx: Tx, _bundles: Sequence[Bundle]) -> Mapping[int, Sequence[Intent]]:
        """Want nothing beyond what the merge decides."""
        return {}

    async def prepare(self, run: Run) -> None:
        """Bring the signals up to date, where something was seen or a new day began."""
        wanted = {entity: self._wanted(entity) for entity in ("customer", "deal")}
        if any(wanted.values()) and Side.ERP not in run.paused:
            await self.pair.store.call(self._look, run, wanted)

    async def look_again(self, customers: Sequence[str], run: Run) -> None:
        """Read the known invoices of customers again, and make public what follows from them."""
        caps = self.pair.erp.entity("invoice")
        if caps is not None and "invoice" in self.pair.observed(Side.ERP):
            ids = sorted(await self.pair.store.call(billed.of_customers, customers))
            for part in chunks(ids, caps.page_size):
                await fetch_now(self.pair, Side.ERP, "invoice", part, run)
        await self.prepare(run)

    def _wanted(self, entity: str) -> frozenset[str]:
        """Signals the ownership map names; no other is kept."""
        rules = self.pair.rules(entity)
        if rules is None:
            return frozenset()
        names = SIGNALS[entity]
        if entity == "customer":
            names |= set(HOLD_FIELDS)
        return names & rules.readable()

    def _look(self, tx: Tx, run: Run, wanted: Mapping[str, frozenset[str]]) -> None:
        observed = self.pair.observed(Side.ERP)
        needed = [e for e in ("customer", "order", "invoice") if e in observed]
        if any(feeds.get(tx, Side.ERP, e).complete_at is None for e in needed):
            return  # half a list would make half a balance
        now = self.pair.clock()
        last, touched = self._touched(tx, wanted, today_of(now, self.rules))
        if not touched and last.day == str(today_of(now, self.rules)):
            return
        if wanted["customer"]:
            self._customers(tx, run, touched, wanted["customer"], now)
        if wanted["deal"] and "invoice" in needed:
            self._orders(tx, run, touched, wanted["deal"], now)

    def _touched(
        self, tx: Tx, wanted: Mapping[str, frozenset[str]], today: date
    ) -> tuple[_Look, Touched]:
        """The last look, and what is to be worked out anew since then."""
        noted = feeds.get_meta(tx, _LOOKED)
        last = msgspec.json.decode(noted, type=_Look) if noted else _Look()
        rules = self._rules(wanted)
        if last.rules != rules:
            # under other rules all figures may be others
            billed.mark_all(tx)
        new_day = last.day != str(today)
        touched = take_touched(tx, date.fromisoformat(last.day) if last.day and new_day else None)
        currencies = last.currencies
        if touched and not self.rules.currency:
            currencies = sorted(billed.currencies(tx))
            if currencies != last.currencies and last.rules == rules:
                # with it goes what is held to be the company's own currency
                billed.mark_all(tx)
                touched = take_touched(tx, None)
        look = _Look(rules=rules, day=str(today), currencies=currencies)
        if look != last:
            feeds.set_meta(tx, _LOOKED, msgspec.json.encode(look).decode())
        return last, touched

    def _rules(self, wanted: Mapping[str, frozenset[str]]) -> str:
        """Describe what all figures follow from."""
        limits = (self.holds.days_overdue, self.holds.overdue, self.holds.members)
        names = {e: sorted(w) for e, w in wanted.items()}
        parts = (self.rules, limits, names, self.pair.map_version, self.erp_has_holds)
        digest = hashlib.blake2b(msgspec.json.encode(parts, order="sorted"), digest_size=8)
        return digest.hexdigest()

    # ── customers ────────────────────────────────────────────────────────────────────────────

    def _customers(
        self,
        tx: Tx,
        run: Run,
        touched: Touched,
        wanted: frozenset[str],
        now: datetime,
    ) -> None:
        today, currency = today_of(now, self.rules), self._currency(tx, run)
        # what counts for one of an account's customers counts for all of them together
        looked = attached.with_members(tx, "customer", touched.customers)
        accounts = attached.accounts(tx, "customer")
        beside = looked & set(chain.from_iterable(accounts.values()))
        further = {row.id: row for row in signals.shown_of(tx, "customer", beside)}
        counted = "invoice" in self.pair.observed(Side.ERP) and bool(currency)
        invoices = invoices_of(tx, billed.of_customers(tx, looked)) if counted else ()
        billed_to = _by_ref(invoices, "customer")

        def _figures(ids: Sequence[str]) -> Figures:
            mine = [invoice for i in ids for invoice in billed_to.get(i, ())]
            return figures_of(mine, today, currency, self.rules) if counted else Figures()

        found: dict[str, tuple[int | None, Fields]] = {}
        late: dict[str, Fields] = {}
        settled: set[str] = set()
        unlike: dict[str, str] = {}
        unknown: dict[str, list[str]] = {}
        later: set[str] = set()
        for row in signals.shown_of(tx, "customer", looked):
            figures = _figures([row.id])
            if figures.unknown:
                unknown[row.id] = figures.unknown
            difference = _difference(row, figures.fields)
            if difference is not None:
                unlike[row.id] = difference
            fields = self._complete(row, figures, now)
            if row.id in accounts:
                ids = accounts[row.id]
                others = [further[i] for i in ids if i in further]
                if len(others) < len(ids):
                    continue  # one of them cannot be seen now: nothing is known of them together
                fields = self._together(row, others, fields, _figures([row.id, *ids]), now)
            overdue = fields.get("overdue")
            if row.id in further:
                settled.add(row.id)  # the account is in arrears now, if anybody is
            elif isinstance(overdue, Money):
                if overdue.amount > 0:
                    late[row.id] = fields
                else:
                    settled.add(row.id)
            public = {f: v for f, v in fields.items() if f in wanted}
            if is_due(row.signals, row.signals_at, public, now, self.rules):
                found[row.id] = (row.link_id, public)
            elif is_new(row.signals, public):
                later.add(row.id)
        signals.publish(tx, "customer", found, now)
        run.counts["signals"] += len(found)
        unheard = raise_and_end(
            tx, self.roles, looked=looked, late=late, settled=settled, unlike=unlike,
            now=now,
        )  # fmt: skip
        for kind, noted in (
            (UNKNOWN, unknown),
            (DIFFERS, {i: [difference] for i, difference in unlike.items()}),
            (LATER, {i: [""] for i in later}),
            (UNHEARD, {i: [""] for i in unheard}),
        ):
            billed.note(tx, kind, looked, noted)
        tell_problems(tx, run, self.pair.erp.name)

    def _complete(self, row: Shown, figures: Figures, now: datetime) -> Fields:
        """Add the ERP's own figures, which come first, score and tier."""
        own = {
            f: v for f, v in row.fields.items() if f in SIGNALS["customer"] and v is not None
        }  # fmt: skip
        fields = {**figures.fields, **own}
        fields |= self._hold(row, fields)
        hold = fields.get("credit_hold", row.fields.get("credit_hold"))
        health = health_of(fields, self.rules.health, disputed=figures.disputed, hold=hold)
        if health is not None:
            fields["health_score"], fields["health_reasons"] = health
        tier = tier_of(fields, self.rules) if self.rules.tiers else None
        if tier is not None:
            (fields["tier"],) = tier
        if fields:
            fields["figures_from"] = self._source(figures, sorted(own))
            fields["figures_at"] = now
        return fields

    def _together(
        self, row: Shown, others: Sequence[Shown], own: Fields, figures: Figures, now: datetime
    ) -> Fields:
        """Roll an account up that is several customers in the ERP (ADR 0014).

        ``own``: the primary's by itself; ``figures``: worked out from the invoices of all.
        """
        whole, problems = rolled_up(row, others, self.holds.members)
        fields = self._complete(whole, figures, now)
        if self.holds.members is Members.PRIMARY:
            fields = {f: v for f, v in fields.items() if f not in HOLD_FIELDS}
            fields |= {f: own[f] for f in HOLD_FIELDS if f in own}
        elif self.erp_has_holds:
            fields |= hold_beside(row, others)
        ids = ", ".join(sorted(one.id for one in (row, *others)))
        said = "; ".join([f"ERP customers {ids} together", *problems])
        if "figures_from" in fields:
            fields["figures_from"] = f"{fields['figures_from']}; {said}"
        return fields

    def _hold(self, row: Shown, figures: Fields) -> Fields:
        """Say whether a customer in arrears is on hold; nothing where the ERP says so itself."""
        if self.erp_has_holds:
            return {}
        if not self.holds.computes:
            # a rule that was taken back holds nobody any more
            told = "credit_hold" in (row.signals or {})
            return {"credit_hold": False, "hold_reason": None} if told else {}
        held = by_rule(
            self.holds,
            days_overdue=figures.get("days_overdue"),
            overdue=figures.get("overdue"),
        )
        if held is None:
            return {}
        return {"credit_hold": held, "hold_reason": (arrears(figures) or None) if held else None}

    def _source(self, figures: Figures, own: Sequence[str]) -> str:
        said = "worked out from the ERP's invoices"
        if own:
            names = ", ".join(name.replace("_", " ") for name in own)
            said = f"{names}: the ERP's own; the rest {said}"
        if figures.used:
            rates = ", ".join(f"{c} at {self.rules.rates[c]}" for c in sorted(figures.used))
            said += f"; {rates} ({self.rules.source})"
        return said

    def _currency(self, tx: Tx, run: Run) -> str:
        if self.rules.currency:
            return self.rules.currency
        seen = billed.currencies(tx)
        if len(seen) == 1:
            return seen.pop()
        if seen:
            run.problem(
                "order to cash",
                f"there are invoices in {', '.join(sorted(seen))}, and nobody says which currency "
                "is the company's: balances are not known",
                "state `company: {currency: ...}` in rules.yaml, and rates for the others",
                "no_currency",
            )
        return ""

    # ── orders ───────────────────────────────────────────────────────────────────────────────

    def _orders(
        self, tx: Tx, run: Run, touched: Touched, wanted: frozenset[str], now: datetime
    ) -> None:
        """What an order's deal shows of its invoices changes seldom, and is told at once."""
        today = today_of(now, self.rules)
        invoices = _by_ref(invoices_of(tx, billed.of_orders(tx, touched.orders)), "order")
        found: dict[str, tuple[int | None, Fields]] = {}
        for row in signals.shown_of(tx, "order", touched.orders):
            mine = invoices.get(row.id, ())
            if not mine and row.signals is None:
                continue
            public = {f: v for f, v in invoiced(mine, today).items() if f in wanted}
            if public != row.signals:
                found[row.id] = (row.link_id, public)
        signals.publish(tx, "order", found, now)
        run.counts["signals"] += len(found)


def _by_ref(invoices: Iterable[Fields], field: str) -> dict[str, list[Fields]]:
    found: dict[str, list[Fields]] = {}
    for invoice in invoices:
        ref = invoice.get(field)
        if isinstance(ref, Ref):
            found.setdefault(ref.id, []).append(invoice)
    return found


def _difference(row: Shown, computed: Fields) -> str | None:
    """Compare the ERP's own balance with what its open invoices come to."""
    own, ours = row.fields.get("balance"), computed.get("balance")
    if not isinstance(own, Money) or not isinstance(ours, Money) or own == ours:
        return None
    return (
        f"the ERP says {own.amount} {own.currency} is open, its invoices come to "
        f"{ours.amount} {ours.currency}; the ERP's balance is shown"
    )
