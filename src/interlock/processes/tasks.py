"""Tasks: alerts that somebody has to do something about, as tasks in the CRM where it has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from interlock.governance.rules import Side
from interlock.model import Fields, Ref, WriteKind
from interlock.store import alerts, links
from interlock.store.alerts import Alert
from interlock.store.database import Tx
from interlock.store.links import Bundle
from interlock.sync.decision import Intent
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

__all__ = ["Tasks"]

_DUE = timedelta(days=1)


class Tasks:
    """The process on the links of tasks: made once, ticked off when the alert ends."""

    entity = "task"

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    @property
    def _possible(self) -> bool:
        caps = self.pair.crm.entity("task")
        return caps is not None and bool(caps.create) and bool(caps.find)

    async def prepare(self, _run: Run) -> None:
        """Give every alert that is to become a task a link to hold it."""
        if self._possible:
            await self.pair.store.call(self._give_links)

    def _give_links(self, tx: Tx) -> None:
        for found in alerts.without_task(tx):
            link_id = links.create(
                tx,
                "task",
                [],
                origin="process",
                evidence=found.subject,
                now=self.pair.clock(),
            )
            alerts.attach(tx, found.id, link_id)

    def intents(self, tx: Tx, bundles: Sequence[Bundle]) -> Mapping[int, Sequence[Intent]]:
        """Create the task of an open alert; tick it off once the alert has ended."""
        mine = alerts.of_links(tx, [b.link.id for b in bundles])
        found = {}
        for bundle in bundles:
            about = mine.get(bundle.link.id)
            intent = None if about is None else _intent(about, bundle)
            if intent is not None:
                found[bundle.link.id] = [intent]
        return found


def _intent(about: Alert, bundle: Bundle) -> Intent | None:
    member = bundle.members.get(Side.CRM)
    if member is None:
        if about.ended_at is not None:
            return None
        fields: Fields = {
            "subject": "Credit hold: talk to finance",
            "body": f"The customer was {about.message}.",
            "customer": Ref("customer", about.customer_id),
            "due": (about.at + _DUE).date(),
        }
        if about.user:
            fields["owner"] = about.user
        return Intent(
            target=Side.CRM,
            entity="task",
            kind=WriteKind.CREATE,
            fields=fields,
            why=about.kind,
            # a store that was lost counts its episodes anew
            source=("task", f"{about.kind} {about.customer_id} {about.at.isoformat()}"),
        )
    seen = bundle.seen.get(Side.CRM)
    if about.ended_at is None or seen is None or not seen.there or seen.known.get("done"):
        return None
    return Intent(
        target=Side.CRM,
        entity="task",
        kind=WriteKind.UPDATE,
        record_id=member.id,
        fields={"done": True},
        why=about.ended_why,
        completes=True,
    )
