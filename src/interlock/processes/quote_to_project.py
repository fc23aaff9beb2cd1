"""Quote to project: a won deal becomes exactly one ERP project, beside its order or instead.

It goes the way of an order, on links of its own: a deal's link is the order's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from interlock.governance.rules import Ownership, Side
from interlock.model import ANYTHING, Fields, WriteKind, agree
from interlock.processes.order_kinds import PROJECT
from interlock.processes.quote_to_order import QuoteToOrder
from interlock.store import cases, links, observations
from interlock.store.cases import Case
from interlock.store.database import Tx
from interlock.store.links import Bundle
from interlock.store.observations import Observation
from interlock.sync.decision import Intent
from interlock.sync.progress import Run

__all__ = ["QuoteToProject"]


class QuoteToProject(QuoteToOrder):
    """The process.  Its links have the project alone, and tell by evidence whose it is."""

    kind = PROJECT
    entity = PROJECT.links

    async def prepare(self, run: Run) -> None:
        """Bring the cases of all deals up to date that are to become projects, or have."""
        if self.settings.targets.projects or await self.pair.store.call(_any_cases):
            await super().prepare(run)

    @property
    def _is_possible(self) -> bool:
        # where the ERP has none, deals that are to become one say so
        return "deal" in self.pair.observed(Side.CRM)

    def _links_of(self, deals: Sequence[Observation], known: Mapping[str, Case]) -> dict[str, int]:
        found = {d.id: known[d.id].link_id for d in deals if d.id in known}
        return {deal_id: link_id for deal_id, link_id in found.items() if link_id is not None}

    def _link_of(self, _tx: Tx, case: Case) -> int | None:
        return case.link_id

    def _new_link(self, tx: Tx, deal_id: str) -> int:
        return links.create(
            tx, self.entity, [], origin="process", evidence=deal_id, now=self.pair.clock()
        )

    def _sort(self, tx: Tx, run: Run) -> list[str]:
        close = super()._sort(tx, run)
        links.raise_revision(tx, self._to_look_at(tx))
        return close

    def _to_look_at(self, tx: Tx) -> list[int]:
        """Links whose deal does not show its project, or has come apart from it."""
        known = {c.source_id: c for c in cases.load(tx, PROJECT.process).values() if c.link_id}
        made = {p.link_id: p for p in observations.present(tx, Side.ERP, PROJECT.entity)}
        deals = observations.load(tx, Side.CRM, "deal", list(known))
        return [
            case.link_id
            for deal_id, case in known.items()
            if case.link_id is not None
            and (
                case.state == "changed"
                or self._back(deals.get(deal_id), made.get(case.link_id)) is not None
            )
        ]

    def intents(self, tx: Tx, bundles: Sequence[Bundle]) -> Mapping[int, Sequence[Intent]]:
        """Create the project where there is none, and give the deal its number back."""
        owners = {b.link.id: b.link.evidence for b in bundles}
        known = cases.load(tx, PROJECT.process, list(owners.values()))
        deals = observations.load(tx, Side.CRM, "deal", list(owners.values()))
        out: dict[int, Sequence[Intent]] = {}
        for bundle in bundles:
            deal_id = owners[bundle.link.id]
            case, deal = known.get(deal_id), deals.get(deal_id)
            if case is None or case.link_id != bundle.link.id:
                continue
            seen = {**bundle.seen, **({} if deal is None else {Side.CRM: deal})}
            wanted = []
            if case.snapshot is not None:
                wanted.append(self._intent(tx, msgspec.structs.replace(bundle, seen=seen), case))
            wanted.append(self._back(deal, bundle.seen.get(Side.ERP)))
            out[bundle.link.id] = [intent for intent in wanted if intent is not None]
        return out

    def _back(self, deal: Observation | None, made: Observation | None) -> Intent | None:
        """Give a deal that shows something else its project's number and state."""
        caps, rules = self.pair.crm.entity("deal"), self.pair.rules("deal")
        if caps is None or rules is None or deal is None or made is None:
            return None
        if not deal.there or not made.there or not caps.update:
            return None
        shown = {PROJECT.number: made.known.get("number"), PROJECT.status: made.known.get("status")}
        wanted: Fields = {
            f: v
            for f, v in shown.items()
            if v is not None
            and f in rules.fields
            and rules.fields[f].ownership is Ownership.ERP
            and f in caps.fields
            and caps.fields[f].writable
            and f in deal.known
            and not agree(v, deal.known[f], caps.fields.get(f, ANYTHING))
        }
        if not wanted:
            return None
        return Intent(
            target=Side.CRM,
            entity="deal",
            kind=WriteKind.UPDATE,
            record_id=deal.id,
            fields=wanted,
            expected={f: deal.known[f] for f in wanted},
            why="its project",
            # it follows from a create of ours, and was counted with that
            completes=True,
            source=(PROJECT.entity, made.id),
        )


def _any_cases(tx: Tx) -> bool:
    return bool(cases.load(tx, PROJECT.process))
