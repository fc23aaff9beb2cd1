"""The draft of what a deal is to become, from what was seen of all that goes into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from interlock.connectors.base import EntityCapabilities
from interlock.governance.rules import Ownership, Side
from interlock.governance.targets import DOCUMENTS, Targets, Unclear
from interlock.model import Fields, OrderDocument, Record, Ref
from interlock.processes.hold_gate import ON_HOLD, why_held
from interlock.processes.order_intent import OrderSettings
from interlock.processes.order_kinds import ORDER, OrderKind
from interlock.processes.snapshot import Draft, Refusal, draft_order
from interlock.store import links, observations
from interlock.store.database import Tx
from interlock.store.observations import Observation
from interlock.sync.pair import Pair

__all__ = ["Drafting", "Index", "accepted"]

_Seen = TypeVar("_Seen", Record, Observation)


@dataclass(frozen=True, slots=True)
class Index:
    """What all deals of one look are compared with.

    ``skus``: folded SKU -> products of the ERP.  ``quotes``: deal -> its quotes.
    """

    skus: Mapping[str, Sequence[str]]
    quotes: Mapping[str, Sequence[str]]


class Drafting:
    """Drafts of one kind, for one pair of systems."""

    def __init__(self, pair: Pair, settings: OrderSettings, kind: OrderKind) -> None:
        self.pair = pair
        self.settings = settings
        self.kind = kind

    def index(self, tx: Tx) -> Index:
        """Take up what the deals of one look are compared with."""
        skus: dict[str, list[str]] = {}
        for product in observations.present(tx, Side.ERP, "product"):
            sku = product.fields.get("sku")
            if isinstance(sku, str) and product.fields.get("active") is not False:
                skus.setdefault(sku.strip().casefold(), []).append(product.id)
        quotes: dict[str, list[str]] = {}
        if "quote" in self.pair.observed(Side.CRM):
            for quote in observations.present(tx, Side.CRM, "quote"):
                deal = quote.fields.get("deal")
                if isinstance(deal, Ref):
                    quotes.setdefault(deal.id, []).append(quote.id)
        return Index(skus, quotes)

    def draft(
        self,
        tx: Tx,
        deal: Record,
        quote: Record | None,
        index: Index,
        targets: Targets | Unclear,
    ) -> Draft | Refusal:
        """Make the draft, or say why nothing is made."""
        caps = self._able()
        if isinstance(caps, Refusal):
            return caps
        wanted_as = targets.order if isinstance(targets, Targets) else None
        document = self._document(caps, wanted_as)
        if isinstance(document, Refusal):
            return document
        account = deal.fields.get("customer")
        customer_link = (
            links.members_of(tx, Side.CRM, [("customer", account.id)]).get(("customer", account.id))
            if isinstance(account, Ref)
            else None
        )
        if customer_link is not None:
            why = why_held(tx, customer_link, deal.id)
            if why is not None:
                return Refusal(
                    code=ON_HOLD,
                    message=why,
                    fix="wait for its release, or `interlock holds override DEAL --reason TEXT`",
                    waits=True,
                )
        fields = quote.fields if quote is not None else deal.fields
        lines = fields.get("lines")
        wanted = (
            [line.product.id for line in lines if line.product is not None]
            if isinstance(lines, tuple)
            else []
        )
        customer = self._customer(tx, customer_link)
        draft = draft_order(
            {**deal.fields, "name": self._name(deal, customer, caps)},
            dict(quote.fields) if quote is not None else None,
            products=links.partners(tx, Side.CRM, "product", wanted),
            by_sku=index.skus,
            customer=Ref("customer", f"@{customer_link}") if customer_link is not None else None,
            customer_fields=customer,
            facts=caps.fields,
            tolerance=self.settings.tolerance,
            by_lines=self.kind is ORDER or "lines" in caps.fields,
        )
        if document is None or isinstance(draft, Refusal):
            return draft
        return msgspec.structs.replace(draft, fields={**draft.fields, "document": document.value})

    def _name(self, deal: Record, customer: Fields, caps: EntityCapabilities) -> str:
        """Call it after its deal where the ownership map lets that name out of the CRM."""
        rules = self.pair.rules("deal")
        stated = rules.fields.get("name") if rules is not None else None
        own = deal.fields.get("name")
        if stated is not None and stated.ownership is Ownership.CRM and isinstance(own, str):
            return own
        longest = caps.fields["name"].max_length if "name" in caps.fields else None
        room = None if longest is None else max(longest - len(deal.id) - 1, 0)
        return f"{str(customer.get('name') or '')[:room].strip()} {deal.id}".strip()

    def _able(self) -> EntityCapabilities | Refusal:
        """What the ERP can do with this kind, if it can make one."""
        caps = self.pair.erp.entity(self.kind.entity)
        if caps is not None and caps.create and self.kind.entity in self.pair.observed(Side.ERP):
            return caps
        why = "ownership.yaml does not name its fields" if caps is not None else "it has none"
        if caps is not None and not caps.create:
            why = caps.create.note or "it makes none"
        return Refusal(
            code="no_target",
            message=f"{self.pair.erp.name} takes no {self.kind.entity}s: {why}",
            fix=f"name the fields of {self.kind.entity} in ownership.yaml, or change "
            "order_targets in rules.yaml",
        )

    def _document(
        self, caps: EntityCapabilities, wanted: OrderDocument | None
    ) -> OrderDocument | Refusal | None:
        """As what the ERP makes an order; ``None`` where there is no choice."""
        if self.kind is not ORDER or wanted is None:
            return None
        made = caps.fields.get("document")
        choices = (made.choices or ()) if made is not None and made.writable else ()
        if wanted.value in choices:
            return wanted
        if wanted is OrderDocument.ORDER:
            # whatever it has in place of orders
            return OrderDocument(choices[0]) if choices else None
        words = {document: word for word, document in DOCUMENTS.items()}
        known = ", ".join(words[OrderDocument(c)] for c in choices) or "order"
        return Refusal(
            code="no_target",
            message=f"{self.pair.erp.name} makes no {words[wanted].replace('_', ' ')}s",
            fix=f"change order_targets in rules.yaml; it makes: {known}",
        )

    def _customer(self, tx: Tx, link_id: int | None) -> Fields:
        """The customer as the ERP shows it, else as the CRM does."""
        if link_id is None:
            return {}
        seen = links.bundles(tx, [link_id])[link_id].seen
        out: Fields = {}
        for side in (Side.CRM, Side.ERP):
            if side in seen:
                out |= {f: v for f, v in seen[side].fields.items() if v is not None}
        return out


def accepted(quotes: Sequence[_Seen], deal_id: str) -> _Seen | None:
    """The accepted quote of a deal; the latest of several."""
    ours = [
        q
        for q in quotes
        if q.fields.get("accepted") is True and q.fields.get("deal") == Ref("deal", deal_id)
    ]
    oldest = datetime.min.replace(tzinfo=UTC)
    return max(ours, key=lambda q: (q.modified or oldest, q.id), default=None)
