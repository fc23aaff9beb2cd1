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
from interlock.processes.health import health_of, tier_of
from interlock.processes.hold_rules import HoldRules, Members, by_rule
from interlock.processes.invoiced import invoiced
from interlock.processes.members import hold_beside, rolled_up
from interlock.processes.publishing import is_due, today_of
from interlock.processes.receivables import COUNTED, Figures, arrears, figures_of
from interlock.processes.roles import Role, Roles
from interlock.store import alerts, attached, feeds, links, observations, signals
from interlock.store.alerts import Alert
from interlock.store.database import Tx, chunks
from interlock.store.links import Bundle
from interlock.store.signals import Shown
from interlock.sync.decision import Intent
from interlock.sync.observe import fetch_now
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["OVERDUE", "OrderToCash", "made_public"]

OVERDUE = "overdue"
"""Kind of the alert that a customer has come into arrears."""
_BALANCE = "balance"
"""Kind of the alert that the ERP's balance is not what its invoices come to."""
_LOOKED = "order_to_cash"
_NAMED = 3
"""Records a problem names one by one."""


def made_public(entity: str, holds: HoldRules) -> frozenset[str]:
    """Fields that records of the ERP show though the ERP need not have them."""
    names = SIGNALS.get(entity, frozenset())
    return names | set(HOLD_FIELDS) if entity == "customer" and holds.computes else names


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
            ids = await self.pair.store.call(_invoices_of, frozenset(customers))
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
        today = today_of(now, self.rules)
        state = self._state(tx, needed, wanted, today)
        if feeds.get_meta(tx, _LOOKED) == state:
            return
        invoices = [i.fields for i in signals.shown(tx, "invoice")] if "invoice" in needed else None
        if wanted["customer"]:
            self._customers(tx, run, invoices, wanted["customer"], now)
        if wanted["deal"] and invoices is not None:
            self._orders(tx, run, invoices, wanted["deal"], now)
        feeds.set_meta(tx, _LOOKED, state)

    def _state(
        self, tx: Tx, entities: Sequence[str], wanted: Mapping[str, frozenset[str]], today: date
    ) -> str:
        """Describe all that the figures follow from."""
        limits = (self.holds.days_overdue, self.holds.overdue, self.holds.members)
        fields = {e: sorted(w) for e, w in wanted.items()}
        parts = (self.rules, limits, attached.state_of(tx), fields, str(today))
        digest = hashlib.blake2b(msgspec.json.encode(parts, order="sorted"), digest_size=8)
        for entity in entities:
            digest.update(observations.state_of(tx, Side.ERP, entity).encode())
        return digest.hexdigest()

    # ── customers ────────────────────────────────────────────────────────────────────────────

    def _customers(
        self,
        tx: Tx,
        run: Run,
        invoices: Sequence[Fields] | None,
        wanted: frozenset[str],
        now: datetime,
    ) -> None:
        currency = self._currency(run, invoices or ())
        today = today_of(now, self.rules)
        billed = _by_ref(invoices or (), "customer")
        found: dict[str, tuple[int | None, Fields]] = {}
        late: dict[str, Fields] = {}
        settled: set[str] = set()
        unlike: dict[str, str] = {}
        unknown: dict[str, list[str]] = {}
        accounts = attached.accounts(tx, "customer")
        beside = chain.from_iterable(accounts.values())
        further = {row.id: row for row in signals.shown_of(tx, "customer", beside)}

        def _figures(ids: Sequence[str]) -> Figures:
            if invoices is None or not currency:
                return Figures()
            mine = [i for key in ids for i in billed.get(key, ())]
            return figures_of(mine, today, currency, self.rules)

        for row in signals.shown(tx, "customer"):
            figures = _figures([row.id])
            for why in figures.unknown:
                unknown.setdefault(why, []).append(row.id)
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
        signals.publish(tx, "customer", found, now)
        run.counts["signals"] += len(found)
        self._tell_problems(run, unlike, unknown)
        self._alert(tx, late, settled, unlike, now)

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

    def _currency(self, run: Run, invoices: Iterable[Fields]) -> str:
        if self.rules.currency:
            return self.rules.currency
        counted = [i for i in invoices if i.get("status") in COUNTED]
        seen = {m.currency for i in counted for m in i.values() if isinstance(m, Money)}
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

    def _tell_problems(
        self, run: Run, unlike: Mapping[str, str], unknown: Mapping[str, Sequence[str]]
    ) -> None:
        name = self.pair.erp.name
        for record_id, difference in sorted(unlike.items())[:_NAMED]:
            run.problem(
                f"{name} customer {record_id}", difference,
                "find the booking in the ERP that stands on one side only", "balance_differs",
            )  # fmt: skip
        if len(unlike) > _NAMED:
            more = len(unlike) - _NAMED
            run.problem(f"{name} customer", f"so it is with {more} others", "", "balance_differs")
        for why, ids in sorted(unknown.items()):
            run.problem(
                f"{name} customer",
                f"{why}: figures of {len(ids)} are not known ({', '.join(ids[:_NAMED])})",
                "state rates in rules.yaml, or complete the invoices in the ERP",
                "figures_unknown",
            )

    def _alert(
        self,
        tx: Tx,
        late: Mapping[str, Fields],
        settled: set[str],
        unlike: Mapping[str, str],
        now: datetime,
    ) -> None:
        """Alert once per episode: from the first day in arrears until nothing is overdue."""
        told = _by_customer(tx, OVERDUE)
        owed = {i: arrears(fields) for i, fields in late.items() if i not in told}
        self._raise(tx, OVERDUE, Role.CUSTOMER_SUCCESS, owed, now)
        for i in sorted(told.keys() & settled):
            alerts.end(tx, told[i].subject, why="nothing is overdue any more", now=now)
        told = _by_customer(tx, _BALANCE)
        new = {i: why for i, why in unlike.items() if i not in told}
        self._raise(tx, _BALANCE, Role.FINANCE, new, now)
        for i in sorted(told.keys() - unlike.keys()):
            alerts.end(tx, told[i].subject, why="both are the same now", now=now)

    def _raise(
        self, tx: Tx, kind: str, role: Role, messages: Mapping[str, str], now: datetime
    ) -> None:
        """Tell a role of customers of the ERP, as far as the CRM has them."""
        crm_ids = links.partners(tx, Side.ERP, "customer", sorted(messages))
        seen = observations.load(tx, Side.CRM, "customer", sorted(crm_ids.values()))
        alerts.raise_alerts(
            tx,
            [
                Alert(
                    kind=kind,
                    subject=_subject(kind, i, now),
                    role=role,
                    user=self.roles.user(role, seen[crm_id].known if crm_id in seen else {}),
                    customer_id=crm_id,
                    message=messages[i],
                    at=now,
                )
                for i, crm_id in sorted(crm_ids.items())
            ],
        )

    # ── orders ───────────────────────────────────────────────────────────────────────────────

    def _orders(
        self,
        tx: Tx,
        run: Run,
        invoices: Sequence[Fields],
        wanted: frozenset[str],
        now: datetime,
    ) -> None:
        """What an order's deal shows of its invoices changes seldom, and is told at once."""
        today = today_of(now, self.rules)
        billed = _by_ref(invoices, "order")
        found: dict[str, tuple[int | None, Fields]] = {}
        for row in signals.shown(tx, "order"):
            mine = billed.get(row.id, ())
            if not mine and row.signals is None:
                continue
            public = {f: v for f, v in invoiced(mine, today).items() if f in wanted}
            if public != row.signals:
                found[row.id] = (row.link_id, public)
        signals.publish(tx, "order", found, now)
        run.counts["signals"] += len(found)


def _invoices_of(tx: Tx, customers: frozenset[str]) -> list[str]:
    return [
        row.id
        for row in signals.shown(tx, "invoice")
        if isinstance(ref := row.fields.get("customer"), Ref) and ref.id in customers
    ]


def _subject(kind: str, record_id: str, now: datetime) -> str:
    """Name an episode: a later one of the same customer is another one."""
    return f"{kind}:{record_id}:{now:%Y%m%dT%H%M%S}"


def _by_customer(tx: Tx, kind: str) -> dict[str, Alert]:
    """Open alerts of a kind by the ERP's customer."""
    return {
        a.subject.removeprefix(f"{kind}:").rpartition(":")[0]: a
        for a in alerts.opened(tx)
        if a.kind == kind
    }


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
