"""The verdict on a rehearsal: what both systems show, held against what was sold.  Pure.

Everything judged here was read from the systems through their connectors; nothing comes from
Interlock's own store, so a mistake of the engine cannot vouch for itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from interlock.matching.normalise import name_key
from interlock.model import Fields, Line, Ref
from interlock.reports.order_checks import Check, Finding, Verdict, check_order, failed, passed
from interlock.reports.rehearsed import Evidence, Reading
from interlock.reports.sold import FEWEST, SoldDeal, sku_key, traits_of

__all__ = ["DealResult", "Judgement", "judge"]


class DealResult(msgspec.Struct, frozen=True, kw_only=True):
    """One deal: what was looked at and what came of it."""

    deal_id: str
    name: str
    amount: str
    traits: Sequence[str]
    orders: Sequence[str]
    findings: Sequence[Finding]

    @property
    def passed(self) -> bool:
        """Say whether nothing failed."""
        return not any(f.verdict is Verdict.FAILED for f in self.findings)

    def of(self, check: Check) -> Finding | None:
        """The finding of one check; ``None`` where the check does not concern this deal."""
        return next((f for f in self.findings if f.check is check), None)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """All deals, each check in total, and what speaks against the rehearsal as a whole."""

    passed: bool
    deals: Sequence[DealResult]
    totals: Mapping[Check, Mapping[Verdict, int]]
    against: Sequence[str]
    ordered: int


def judge(evidence: Evidence) -> Judgement:
    """Judge every deal by every check, and the rehearsal as a whole."""
    owners, strays = _owners(evidence)
    claims = _claims(evidence, owners)
    results = [_judge_deal(evidence, sold, owners, claims) for sold in evidence.sold]
    totals: dict[Check, dict[Verdict, int]] = {}
    for check in Check:
        found = [f.verdict for r in results if (f := r.of(check)) is not None]
        totals[check] = {verdict: found.count(verdict) for verdict in Verdict if verdict in found}
    ordered = sum(bool(r.orders) for r in results)
    against = [*_against(evidence, ordered, strays), *_unowned_writes(evidence, owners)]
    return Judgement(
        passed=not against and all(r.passed for r in results),
        deals=results,
        totals=totals,
        against=against,
        ordered=ordered,
    )


def _against(evidence: Evidence, ordered: int, strays: Sequence[str]) -> list[str]:
    against = []
    if ordered < FEWEST:
        against.append(f"{ordered} deals became orders, at least {FEWEST} must")
    if evidence.lost_order is None:
        against.append("no answer was lost, so nothing shows what happens then")
    against += [
        f"order {evidence.again.number_of(order)} belongs to none of the deals" for order in strays
    ]
    return against


# ── whose an order is ────────────────────────────────────────────────────────────────────────

Owners = Mapping[str, Sequence[str]]


def _owners(evidence: Evidence) -> tuple[Owners, Sequence[str]]:
    """Deal -> its new orders: by the deal's id on the order, by the number on the deal, by content.

    The second part are new orders that no deal can be found for.
    """
    final = evidence.again
    deals = {sold.deal.id: sold for sold in evidence.sold}
    by_number = {
        str(number): deal
        for deal in deals
        if (number := final.deals.get(deal, {}).get("order_number"))
    }
    owners: dict[str, list[str]] = {deal: [] for deal in deals}
    rest: list[str] = []
    for order in sorted(set(final.orders) - set(evidence.before.orders)):
        fields = final.orders[order]
        deal = str(fields.get("other_id") or "")
        deal = deal if deal in owners else by_number.get(str(fields.get("number") or ""), "")
        (owners[deal] if deal else rest).append(order)
    strays = []
    for order in rest:
        alike = [deal for deal, sold in deals.items() if _alike(evidence, order, sold)]
        if len(alike) == 1:
            owners[alike[0]].append(order)
        else:
            strays.append(order)
    return owners, strays


def _alike(evidence: Evidence, order: str, sold: SoldDeal) -> bool:
    """Say whether an order without any key has the lines of a deal and a customer of its name."""
    final = evidence.again
    fields = final.orders[order]
    customer = fields.get("customer")
    shown = final.customers.get(customer.id, {}) if isinstance(customer, Ref) else {}
    same = shown.get("other_id") == sold.account.id or (
        name_key(str(shown.get("name") or "")) == name_key(str(sold.account.fields.get("name")))
    )
    lines = fields.get("lines")
    theirs = lines if isinstance(lines, tuple) else ()
    return same and _content(theirs, final.goods) == _content(sold.lines, sold.skus)


def _content(lines: Sequence[Line], skus: Mapping[str, str]) -> Counter[tuple[str, Decimal]]:
    return Counter((_sku(line, skus), line.quantity.normalize()) for line in lines)


def _sku(line: Line, skus: Mapping[str, str]) -> str:
    return sku_key(line.sku or (skus.get(line.product.id, "") if line.product else ""))


# ── one deal ─────────────────────────────────────────────────────────────────────────────────


def _judge_deal(
    evidence: Evidence, sold: SoldDeal, owners: Owners, claims: Mapping[str, set[str]]
) -> DealResult:
    deal = sold.deal.id
    orders = owners[deal]
    findings = [_one_order(evidence, sold, orders)]
    order = _main_order(evidence.again, deal, orders)
    if sold.unresolved:
        findings.append(_held_back(evidence, sold))
    else:
        findings += check_order(evidence, sold, order, claims.get(deal, set()))
    findings.append(_second_run(evidence, sold, orders))
    if evidence.lost_order in orders:
        findings.append(_lost_answer(evidence, orders))
    order_of = {check: place for place, check in enumerate(Check)}
    return DealResult(
        deal_id=deal,
        name=sold.name,
        amount=_amount(sold),
        traits=sorted(traits_of(sold)),
        orders=[evidence.again.number_of(o) for o in orders],
        findings=sorted(findings, key=lambda f: order_of[f.check]),
    )


def _amount(sold: SoldDeal) -> str:
    amount = sold.deal.fields.get("amount")
    return f"{getattr(amount, 'amount', '')} {getattr(amount, 'currency', '')}".strip()


def _main_order(final: Reading, deal: str, orders: Sequence[str]) -> str | None:
    """The order the deal names, else its first one."""
    number = final.deals.get(deal, {}).get("order_number")
    named = [o for o in orders if number and final.orders[o].get("number") == number]
    return next(iter([*named, *orders]), None)


def _one_order(evidence: Evidence, sold: SoldDeal, orders: Sequence[str]) -> Finding:
    numbers = ", ".join(evidence.again.number_of(o) for o in orders)
    if sold.unresolved:
        why = f"the ERP has no product in use for {', '.join(sold.unresolved)}"
        if orders:
            return failed(Check.ONE_ORDER, f"{why}, and yet there is order {numbers}")
        return passed(Check.ONE_ORDER, f"none, as it must be: {why}")
    if not orders:
        return failed(Check.ONE_ORDER, "no order was made")
    if len(orders) > 1:
        return failed(Check.ONE_ORDER, f"{len(orders)} orders: {numbers}")
    return passed(Check.ONE_ORDER, numbers)


def _held_back(evidence: Evidence, sold: SoldDeal) -> Finding:
    number = evidence.again.deals.get(sold.deal.id, {}).get("order_number")
    if number:
        return failed(Check.NUMBER, f"the deal shows order {number}, though it has none")
    return passed(Check.NUMBER, "none, as there is no order")


def _records_of(evidence: Evidence, sold: SoldDeal, orders: Sequence[str]) -> set[tuple[str, str]]:
    customers = [
        c.id for o in orders if isinstance(c := evidence.again.orders[o].get("customer"), Ref)
    ]
    return {
        ("crm deal", sold.deal.id),
        ("crm customer", sold.account.id),
        *(("erp order", order) for order in orders),
        *(("erp customer", customer) for customer in customers),
    }


def _second_run(evidence: Evidence, sold: SoldDeal, orders: Sequence[str]) -> Finding:
    """Nothing of the deal may be written, nor look different, after a second run."""
    mine = _records_of(evidence, sold, orders)
    moved = []
    for what, record_id in sorted(mine):
        before, after = (_shown(r, what, record_id) for r in (evidence.after, evidence.again))
        names = sorted(f for f in before.keys() & after.keys() if before[f] != after[f])
        if names or (before and not after) or (after and not before):
            moved.append(f"{what} {record_id} changed ({', '.join(names) or 'as a whole'})")
    written = [w for w in evidence.second_run if w in mine]
    moved += [f"{what} {record_id} was written again" for what, record_id in written]
    if moved:
        return failed(Check.SECOND_RUN, "; ".join(moved))
    return passed(Check.SECOND_RUN, "nothing written")


def _shown(reading: Reading, what: str, record_id: str) -> Fields:
    tables = {
        "crm deal": reading.deals,
        "crm customer": reading.accounts,
        "erp order": reading.orders,
        "erp customer": reading.customers,
    }
    return tables[what].get(record_id, {})


def _lost_answer(evidence: Evidence, orders: Sequence[str]) -> Finding:
    number = evidence.again.number_of(evidence.lost_order or "")
    if len(orders) > 1:
        return failed(
            Check.LOST_ANSWER, f"the answer about order {number} was lost, and another was made"
        )
    return passed(Check.LOST_ANSWER, f"the answer about order {number} was lost; it is the one")


def _unowned_writes(evidence: Evidence, owners: Owners) -> list[str]:
    """What the second run wrote that concerns none of the deals."""
    mine = {
        record
        for sold in evidence.sold
        for record in _records_of(evidence, sold, owners[sold.deal.id])
    }
    return [
        f"the second run wrote {what} {record_id or '(new)'}"
        for what, record_id in evidence.second_run
        if (what, record_id) not in mine
    ]


# ── customers ────────────────────────────────────────────────────────────────────────────────


def _claims(evidence: Evidence, owners: Owners) -> dict[str, set[str]]:
    """Deal -> the ERP's customers that are, or were made to be, its customer.

    Those its orders are booked on, those that carry the account's id, and new ones of its name.
    """
    final = evidence.again
    new = set(final.customers) - set(evidence.before.customers)
    claims: dict[str, set[str]] = {}
    for sold in evidence.sold:
        name = name_key(str(sold.account.fields.get("name") or ""))
        claims[sold.deal.id] = {
            customer.id
            for order in owners[sold.deal.id]
            if isinstance(customer := final.orders[order].get("customer"), Ref)
        } | {
            record
            for record, fields in final.customers.items()
            if fields.get("other_id") == sold.account.id
            or (record in new and name and name_key(str(fields.get("name") or "")) == name)
        }
    return claims
