"""What people do in both systems, and the simulator's own notes of it."""

# ruff: noqa: S311  one seed must decide everything

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from interlock.connectors.memory import Refused
from interlock.connectors.memory.invoicing import issue_invoice, register_payment
from interlock.connectors.memory.objects import CRM_MAPS, ERP_MAPS
from interlock.connectors.memory.storage import State
from interlock.governance.rules import Side
from interlock.model import Address, Fields, Money, Ref
from interlock.testing.clock import VirtualClock
from interlock.testing.simulator.systems import Journal, WatchedSystem

__all__ = ["ACTS", "MAPS", "SECRET", "People"]

MAPS = {Side.CRM: CRM_MAPS, Side.ERP: ERP_MAPS}
SECRET = "TOP-SECRET-"  # noqa: S105  what must not be found anywhere
"""In the columns nobody may read; and ``PRIVATE`` in those that stay on their side."""
PRIVATE = "LOCAL-ONLY-"

_TERMS = ("due on receipt", "net 14", "net 30", "net 60")
_ROLES = ("primary", "billing", "other")
_WORDS = ("Nord", "Blau", "Kraft", "Licht", "Stern", "Zürich", "東京", "Ærø")
_EDITED: Mapping[str, Mapping[Side, tuple[str, ...]]] = {
    "customer": dict.fromkeys(
        Side,
        (
            "name",
            "website",
            "email",
            "phone",
            "tax_id",
            "billing_address",
            "shipping_address",
            "payment_terms",
            "credit_limit",
        ),
    ),
    "contact": dict.fromkeys(Side, ("name", "email", "phone", "role", "customer")),
    "product": dict.fromkeys(Side, ("name", "active", "sku")),
}
_REQUIRED = frozenset({"name", "sku", "active", "customer"})


@dataclass
class People:
    """Everybody who works in one of the systems."""

    systems: Mapping[Side, WatchedSystem]
    clock: VirtualClock
    journal: Journal
    rng: Random = field(default_factory=Random)
    counter: int = 0
    identity: dict[tuple[Side, str, str], int] = field(default_factory=dict)
    merged: dict[tuple[Side, str, str], str] = field(default_factory=dict)
    """A record that was merged away -> the one that was left."""
    """Which real thing each record made by a person stands for."""
    clones: set[tuple[Side, str, str]] = field(default_factory=set)
    late: list[tuple[Any, Callable[[], Any]]] = field(default_factory=list)
    last_edit: tuple[Side, str, str, str] | None = None
    said: str = ""
    """The latest act in words."""

    def act(self, kind: str, seed: int) -> None:
        """Do one thing; what the system refuses is not done."""
        self.rng = Random(seed)
        self.said = f"{kind}: nothing to do it with"
        try:
            ACTS[kind](self)
        except Refused as refused:
            self.said = f"{kind}: refused ({refused.code})"

    def finish_due(self, *, everything: bool = False) -> None:
        """Commit saves that began earlier and are due."""
        now = self.clock.time
        due = [c for at, c in self.late if everything or at <= now]
        self.late = [(at, c) for at, c in self.late if not (everything or at <= now)]
        for commit in due:
            try:
                commit()
            except Refused:
                continue

    # ── making records ───────────────────────────────────────────────────────────────────────

    def number(self) -> int:
        """Count on."""
        self.counter += 1
        return self.counter

    def value(self, entity: str, name: str, side: Side) -> Any:  # noqa: PLR0911  a line a field
        """Think of a value nobody has used yet."""
        n, rng = self.number(), self.rng
        match name:
            case "name":
                text = f"{rng.choice(_WORDS)} {n} GmbH" if entity == "customer" else f"Item {n}"
                if entity == "contact":
                    text = f"Ada Person{n}"
                return (
                    f"{text} {'x' * 110}{n}" if rng.random() < 0.05 and side is Side.CRM else text
                )
            case "website":
                return f"https://firm{n}.example"
            case "email":
                return f"office@mail{n}.example"
            case "phone":
                return f"+49 30 {n:07d}"
            case "tax_id":
                return f"DE{n:09d}"
            case "billing_address" | "shipping_address":
                return Address(street=f"Street {n}", city="Town", postcode=f"{n:05d}", country="DE")
            case "payment_terms":
                return rng.choice(_TERMS)
            case "credit_limit":
                return Money(Decimal(n * 100), "EUR")
            case "role":
                return rng.choice(_ROLES)
            case "sku":
                return f"SKU-{n}"
            case "active":
                return rng.random() < 0.8
            case "customer":
                found = self.pick(side, "customer")
                return None if found is None else Ref("customer", found)
        raise AssertionError(name)

    def add(
        self, side: Side, entity: str, fields: Fields, identity: int | None = None, **cells: Any
    ) -> str:
        """Make a record that stands for a thing of its own, or for a known one."""
        raw = MAPS[side][entity].encode(fields)
        record_id = self.systems[side].add(entity, raw | cells)
        self.identity[side, entity, record_id] = identity or self.number()
        self.said = f"{side} adds {entity} {record_id} {_words(fields)}"
        return record_id

    def edit(self, side: Side, entity: str, record_id: str, fields: Fields) -> None:
        """Change fields of a record."""
        if not fields:
            return
        raw = MAPS[side][entity].encode(fields)
        self.systems[side].edit(entity, record_id, raw)
        self.last_edit = (side, entity, record_id, next(iter(fields)))
        self.said = f"{side} edits {entity} {record_id} {_words(fields)}"

    def pick(self, side: Side, entity: str, but: str = "") -> str | None:
        """Choose a live record."""
        rows = [
            r.id
            for r in self.systems[side].shelf(entity).living()
            if r.state is State.LIVE and r.id != but
        ]
        return self.rng.choice(rows) if rows else None

    def some(self, entity: str, side: Side, share: float = 0.6) -> Fields:
        """Fill the name and some other fields."""
        names = [
            f
            for f in _EDITED[entity][side]
            if f in ("name", "sku") or (f != "customer" and self.rng.random() < share)
        ]
        return {f: self.value(entity, f, side) for f in names}

    def alive(self, side: Side, entity: str, record_id: str) -> bool:
        """Say whether a record is live."""
        row = self.systems[side].shelf(entity).row(record_id)
        return row is not None and row.state is State.LIVE

    def partner(self, side: Side, entity: str, record_id: str) -> str | None:
        """Find the record that shows this one's id, as a person would."""
        column = "crm_id" if side is Side.CRM else "ErpId__c"
        for row in self.systems[side.other].shelf(entity).living():
            if row.cells.get(column) == record_id and row.state is State.LIVE:
                return row.id
        return None


def _words(fields: Fields) -> str:
    return " ".join(f"{f}={v!r}" for f, v in fields.items())


# ── acts ─────────────────────────────────────────────────────────────────────────────────────


def _secret(side: Side, entity: str) -> dict[str, Any]:
    columns = {
        (Side.CRM, "customer"): ("email_log", "call_notes"),
        (Side.CRM, "contact"): ("call_notes",),
        (Side.CRM, "deal"): ("qualification", "email_log"),
        (Side.ERP, "product"): ("cost_price", "margin"),
        (Side.ERP, "order"): ("margin",),
    }.get((side, entity), ())
    return {c: f"{SECRET}{c}" for c in columns}


def add_customer(p: People) -> None:
    side = Side.CRM if p.rng.random() < 0.8 else Side.ERP
    p.add(side, "customer", p.some("customer", side), **_secret(side, "customer"))


def add_twins(p: People) -> None:
    """The same company in both systems, told apart or not."""
    identity = p.number()
    fields = p.some("customer", Side.ERP) | {
        "website": p.value("customer", "website", Side.ERP),
        "billing_address": p.value("customer", "billing_address", Side.ERP),
    }
    p.add(Side.ERP, "customer", fields, identity)
    if p.rng.random() < 0.2:
        # two companies of one name
        namesake = p.some("customer", Side.CRM) | {"name": fields["name"]}
        p.add(Side.CRM, "customer", namesake)
        return
    other = dict(fields)
    if p.rng.random() < 0.3:
        del other["website"], other["billing_address"]
        other.pop("email", None)
    for name in ("phone", "payment_terms", "credit_limit", "shipping_address"):
        if name in other and p.rng.random() < 0.4:
            other[name] = p.value("customer", name, Side.CRM)
        elif p.rng.random() < 0.3:
            other.pop(name, None)
    p.add(Side.CRM, "customer", other, identity, **_secret(Side.CRM, "customer"))


def add_contact(p: People) -> None:
    side = Side.CRM if p.rng.random() < 0.8 else Side.ERP
    customer = p.pick(side, "customer")
    if customer is not None:
        p.add(
            side,
            "contact",
            p.some("contact", side) | {"customer": Ref("customer", customer)},
            **_secret(side, "contact"),
        )


def add_product(p: People) -> None:
    fields = {
        "sku": p.value("product", "sku", Side.ERP),
        "name": p.value("product", "name", Side.ERP),
        "active": True,
    }
    identity = p.number()
    p.add(Side.ERP, "product", fields, identity, **_secret(Side.ERP, "product"))
    if p.rng.random() < 0.2:
        p.add(Side.CRM, "product", fields, identity)


def _choose(p: People) -> tuple[Side, str, str] | None:
    side = p.rng.choice((Side.CRM, Side.CRM, Side.ERP))
    entity = p.rng.choice(("customer", "customer", "customer", "contact", "product"))
    record_id = p.pick(side, entity)
    return None if record_id is None else (side, entity, record_id)


def edit(p: People) -> None:
    if chosen := _choose(p):
        side, entity, record_id = chosen
        names = p.rng.sample(_EDITED[entity][side], k=p.rng.choice((1, 1, 2)))
        p.edit(side, entity, record_id, _valid({f: p.value(entity, f, side) for f in names}))


def edit_again(p: People) -> None:
    """Correct what was just entered."""
    if p.last_edit is not None:
        side, entity, record_id, name = p.last_edit
        if name != "active":
            p.edit(side, entity, record_id, _valid({name: p.value(entity, name, side)}))


def edit_same_field(p: People) -> None:
    """Both sides of one pair, one field: a conflict, or by chance the same value."""
    entity = p.rng.choice(("customer", "customer", "contact"))
    record_id = p.pick(Side.CRM, entity)
    other = None if record_id is None else p.partner(Side.CRM, entity, record_id)
    if record_id is None or other is None:
        return
    name = p.rng.choice([f for f in _EDITED[entity][Side.CRM] if f != "customer"])
    one = p.value(entity, name, Side.CRM)
    two = one if p.rng.random() < 0.2 else p.value(entity, name, Side.ERP)
    p.edit(Side.CRM, entity, record_id, {name: one})
    said = p.said
    p.edit(Side.ERP, entity, other, {name: two})
    p.said = f"{said}; {p.said}"


def edit_apart(p: People) -> None:
    """Both sides of one pair, different fields: both must survive."""
    record_id = p.pick(Side.CRM, "customer")
    other = None if record_id is None else p.partner(Side.CRM, "customer", record_id)
    if record_id is None or other is None:
        return
    one, two = p.rng.sample(("name", "email", "phone", "tax_id", "billing_address"), k=2)
    p.edit(Side.CRM, "customer", record_id, {one: p.value("customer", one, Side.CRM)})
    said = p.said
    p.edit(Side.ERP, "customer", other, {two: p.value("customer", two, Side.ERP)})
    p.said = f"{said}; {p.said}"


def blank(p: People) -> None:
    if chosen := _choose(p):
        side, entity, record_id = chosen
        names = [f for f in _EDITED[entity][side] if f not in _REQUIRED]
        if names:
            p.edit(side, entity, record_id, {p.rng.choice(names): None})


def edit_late(p: People) -> None:
    """A save that begins now and is committed later with the present change time."""
    side = p.rng.choice(tuple(Side))
    system = p.systems[side]
    record_id = p.pick(side, "customer")
    delay = system.settings.commit_delay * p.rng.uniform(0.1, 0.9)
    if record_id is None or delay == 0:
        return
    fields = {"phone": p.value("customer", "phone", side)}
    commit = system.begin_late("customer", MAPS[side]["customer"].encode(fields), record_id)
    p.late.append((p.clock.time + timedelta(seconds=delay), commit))
    system.mischief.struck["commit-order gap"] += 1
    p.said = f"{side} begins to edit customer {record_id} {_words(fields)}"


def edit_secret(p: People) -> None:
    side, entity = p.rng.choice(((Side.CRM, "customer"), (Side.ERP, "product")))
    record_id = p.pick(side, entity)
    if record_id is not None:
        p.systems[side].edit(
            entity, record_id, {c: f"{v}{p.number()}" for c, v in _secret(side, entity).items()}
        )
        p.said = f"{side} edits what is nobody's business on {entity} {record_id}"


def archive(p: People) -> None:
    if chosen := _choose(p):
        side, entity, record_id = chosen
        if entity != "product":
            p.systems[side].archive(entity, record_id)
            p.said = f"{side} archives {entity} {record_id}"


def unarchive(p: People) -> None:
    side = p.rng.choice(tuple(Side))
    rows = [r.id for r in p.systems[side].shelf("customer").living() if r.state is State.ARCHIVED]
    if rows:
        record_id = p.rng.choice(rows)
        p.systems[side].archive("customer", record_id, back=True)
        p.said = f"{side} brings customer {record_id} back"


def delete(p: People) -> None:
    side = p.rng.choice(tuple(Side))
    entity = p.rng.choice(("customer", "contact"))
    record_id = p.pick(side, entity)
    if record_id is not None:
        p.systems[side].delete(entity, record_id)
        p.said = f"{side} deletes {entity} {record_id}"


def merge(p: People) -> None:
    """Two accounts become one; in some systems programs see no more than a delete."""
    side = p.rng.choice(tuple(Side))
    winner = p.pick(side, "customer")
    loser = None if winner is None else p.pick(side, "customer", but=winner)
    if winner is None or loser is None:
        return
    system = p.systems[side]
    system.merge("customer", loser, winner)
    p.merged[side, "customer", loser] = winner
    if p.rng.random() < 0.5:
        row = system.shelf("customer").row(loser)
        assert row is not None
        system._put(row, state=State.DELETED, merged_into=None)  # noqa: SLF001
        system.mischief.struck["merge seen as delete"] += 1
    p.said = f"{side} merges customer {loser} into {winner}"


def clone(p: People) -> None:
    """A copy with all custom fields, our keys among them."""
    side = p.rng.choice(tuple(Side))
    entity = p.rng.choice(("customer", "customer", "contact", "deal"))
    if side is Side.ERP and entity == "deal":
        return
    record_id = p.pick(side, entity)
    if record_id is None:
        return
    system = p.systems[side]
    cells = dict(system.all(entity)[record_id])
    for column in ("number", "StageKind", "WonAt"):
        cells.pop(column, None)
    if "StageName" in cells:
        cells["StageName"] = "Prospecting"
    new = system.add(entity, cells)
    p.identity[side, entity, new] = p.number()
    p.clones.add((side, entity, new))
    system.mischief.struck["clone with our keys"] += 1
    p.said = f"{side} clones {entity} {record_id} as {new}"


# ── deals and orders ─────────────────────────────────────────────────────────────────────────


def _lines(p: People) -> tuple[list[dict[str, Any]], Decimal] | None:
    rows, total = [], Decimal(0)
    for number in range(1, p.rng.choice((1, 1, 2, 3)) + 1):
        product = p.pick(Side.CRM, "product")
        if product is None:
            return None
        cells = p.systems[Side.CRM].all("product")[product]
        quantity = p.rng.randint(1, 5)
        price = Decimal(p.rng.randint(100, 99_999)) / 100
        total += quantity * price
        rows.append(
            {
                "Id": f"L{number}-{p.number()}",
                "Product2Id": product,
                "ProductCode": cells["ProductCode"],
                "Description": None,
                "Quantity": str(quantity),
                "UnitPrice": str(price),
            }
        )
    return rows, total


def _amount(total: Decimal) -> dict[str, str]:
    return {"Amount": str(total), "CurrencyIsoCode": "EUR"}


def add_deal(p: People) -> None:
    account, made = p.pick(Side.CRM, "customer"), _lines(p)
    if account is None or made is None:
        return
    rows, total = made
    stage = p.rng.choice(("Proposal", "Closed Won", "Closed Won"))
    cells: dict[str, Any] = {
        "Name": f"{PRIVATE}{p.number()}",
        "AccountId": account,
        "StageName": stage,
        "Lines": rows,
        "Amount": _amount(total),
        "PoNumber": f"PO-{p.number()}",
        **_secret(Side.CRM, "deal"),
    }
    if stage == "Closed Won" and p.rng.random() < 0.2:
        cells["WonAt"] = (p.clock.time - timedelta(days=40)).isoformat()
    record_id = p.systems[Side.CRM].add("deal", cells)
    p.identity[Side.CRM, "deal", record_id] = p.number()
    p.said = f"crm adds deal {record_id} {stage} {total}"


def _deal(p: People, *stages: str) -> str | None:
    rows = [
        r.id
        for r in p.systems[Side.CRM].shelf("deal").living()
        if r.state is State.LIVE and (not stages or r.cells["StageName"] in stages)
    ]
    return p.rng.choice(rows) if rows else None


def _ordered(p: People) -> str | None:
    """Choose a won deal, one that shows its order where there is any."""
    rows = [
        r.id
        for r in p.systems[Side.CRM].shelf("deal").living()
        if r.state is State.LIVE
        and r.cells["StageName"] == "Closed Won"
        and r.cells.get("OrderNumber__c")
    ]
    return p.rng.choice(rows) if rows else _deal(p, "Closed Won")


def _stage(p: People, record_id: str | None, stage: str) -> None:
    if record_id is not None:
        p.systems[Side.CRM].edit("deal", record_id, {"StageName": stage})
        p.said = f"crm moves deal {record_id} to {stage}"


def win(p: People) -> None:
    _stage(p, _deal(p, "Proposal", "Prospecting", "Closed Lost"), "Closed Won")


def reopen(p: People) -> None:
    """A won deal goes back to the start; it may be won again later."""
    record_id = _deal(p, "Closed Won")
    _stage(p, record_id, p.rng.choice(("Proposal", "Closed Lost")))
    if record_id is not None:
        p.systems[Side.CRM].mischief.struck["deal reopened"] += 1


def rewin(p: People) -> None:
    """Lost and won again at once, between two looks."""
    record_id = _deal(p, "Closed Won")
    _stage(p, record_id, "Closed Lost")
    _stage(p, record_id, "Closed Won")
    if record_id is not None:
        p.systems[Side.CRM].mischief.struck["deal re-won"] += 1


def tear(p: People) -> None:
    """New lines now; the amount follows with a later act, or never."""
    record_id, made = _deal(p), _lines(p)
    if record_id is None or made is None:
        return
    child = p.rng.random() < 0.5
    save = p.systems[Side.CRM].edit_child if child else p.systems[Side.CRM].edit
    save("deal", record_id, {"Lines": made[0]})
    p.systems[Side.CRM].mischief.struck["torn deal and lines"] += 1
    if child:
        p.systems[Side.CRM].mischief.struck["child edit, parent's version left"] += 1
    p.said = f"crm changes the lines of deal {record_id} to {made[1]}"


def resell(p: People) -> None:
    """Sell something else on a won deal: lines and amount in one save."""
    record_id, made = _ordered(p), _lines(p)
    if record_id is None or made is None:
        return
    cells = {"Lines": made[0], "Amount": _amount(made[1])}
    p.systems[Side.CRM].edit("deal", record_id, cells)
    p.systems[Side.CRM].mischief.struck["won deal resold"] += 1
    p.said = f"crm sells {made[1]} on deal {record_id} instead"


def lose(p: People) -> None:
    """A won deal is lost for good."""
    record_id = _ordered(p)
    _stage(p, record_id, "Closed Lost")
    if record_id is not None:
        p.systems[Side.CRM].mischief.struck["won deal lost"] += 1


def mend(p: People) -> None:
    """Bring amounts into line with the lines."""
    system = p.systems[Side.CRM]
    for row in list(system.shelf("deal").living()):
        total = sum(
            (
                Decimal(line["Quantity"]) * Decimal(line["UnitPrice"])
                for line in row.cells.get("Lines") or ()
            ),
            Decimal(0),
        )
        if row.cells.get("Amount") != _amount(total):
            system.edit("deal", row.id, {"Amount": _amount(total)})
            p.said = f"crm corrects the amount of deal {row.id} to {total}"


def cancel_order(p: People) -> None:
    record_id = p.pick(Side.ERP, "order")
    if record_id is not None:
        p.systems[Side.ERP].edit("order", record_id, {"state": "canceled"})
        p.systems[Side.ERP].mischief.struck["order cancelled by hand"] += 1
        p.said = f"erp cancels order {record_id}"


def touch_order(p: People) -> None:
    """Change a draft in the ERP, whatever its deal says."""
    drafts = [
        r
        for r in p.systems[Side.ERP].shelf("order").living()
        if r.cells["state"] == "quotation" and r.cells.get("rows")
    ]
    if drafts:
        row = p.rng.choice(drafts)
        rows = [{**line, "qty": str(p.rng.randint(6, 9))} for line in row.cells["rows"]]
        p.systems[Side.ERP].edit("order", row.id, {"rows": rows})
        p.systems[Side.ERP].mischief.struck["draft changed by hand"] += 1
        p.said = f"erp changes the draft {row.id}"


def ship_order(p: People) -> None:
    rows = [
        r.id for r in p.systems[Side.ERP].shelf("order").living() if r.cells["state"] == "confirmed"
    ]
    if rows:
        record_id = p.rng.choice(rows)
        p.systems[Side.ERP].edit("order", record_id, {"state": "shipped"})
        p.said = f"erp ships order {record_id}"


def delete_order(p: People) -> None:
    record_id = p.pick(Side.ERP, "order")
    if record_id is not None:
        p.systems[Side.ERP].delete("order", record_id)
        p.said = f"erp deletes order {record_id}"


def bill(p: People) -> None:
    """Post an invoice or a credit note, sometimes of an order, sometimes overdue already."""
    erp, party = p.systems[Side.ERP], p.pick(Side.ERP, "customer")
    if party is None:
        return
    net = f"{p.rng.choice((1, 1, 1, -1)) * p.number()}.{p.rng.randint(0, 99):02d}"
    due = erp.clock().date() + timedelta(days=p.rng.choice((-100, -40, -1, 0, 1, 30)))
    orders = [r.id for r in erp.shelf("order").living() if r.cells["partner_id"] == party]
    order = p.rng.choice(orders) if orders else None
    made = issue_invoice(erp, party, net, due_on=due, order=order)
    p.said = f"erp bills customer {party}: invoice {made} over {net}, due {due}"


def pay(p: People) -> None:
    """Take a payment, in full or of one cent."""
    erp = p.systems[Side.ERP]
    rows = [r for r in erp.shelf("invoice").living() if r.cells["state"] == "posted"]
    if rows:
        row = p.rng.choice(rows)
        cent = "0.01" if Decimal(row.cells["open"]["amt"]) > 0 else "-0.01"
        register_payment(erp, row.id, p.rng.choice((None, None, cent)))
        p.said = f"erp takes a payment on invoice {row.id}"


def _valid(fields: Fields) -> Fields:
    return {f: v for f, v in fields.items() if v is not None}


ACTS: Mapping[str, Callable[[People], None]] = {
    f.__name__: f
    for f in (
        add_customer,
        add_twins,
        add_contact,
        add_product,
        edit,
        edit_again,
        edit_same_field,
        edit_apart,
        blank,
        edit_late,
        edit_secret,
        archive,
        unarchive,
        delete,
        merge,
        clone,
        add_deal,
        win,
        reopen,
        rewin,
        tear,
        resell,
        lose,
        mend,
        cancel_order,
        touch_order,
        ship_order,
        delete_order,
        bill,
        pay,
    )
}
"""What people may do, by name."""
