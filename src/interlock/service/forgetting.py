"""Forget: Interlock keeps no copy of a person, nor of a company, whatever the systems do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from interlock.errors import ConfigurationError, StaleStateError
from interlock.governance.document import suggest
from interlock.governance.rules import Side
from interlock.project.load import Project
from interlock.service.audit import list_forgotten, seal_history
from interlock.service.labels import known_entity
from interlock.store import attached, forgetting, forgotten, links, observations, outbox
from interlock.store.database import Store, Tx
from interlock.store.forgotten import Key
from interlock.store.outbox import WriteState

__all__ = ["Forgotten", "ForgottenRecord", "forget_email", "forget_record"]

_PEOPLE = ("customer", "contact")
_SENT = (WriteState.SENDING, WriteState.IN_DOUBT, WriteState.UNCERTAIN)


class ForgottenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record no copy is kept of any more."""

    system: str
    entity: str
    id: str


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """What was forgotten.  ``already``: it had been before.

    ``documents``: deals, quotes and orders that were kept without what is personal in them.
    ``contacts``: people at a forgotten customer, who are records of their own.  ``swept``: false
    when the store was in use, so that remains may lie in its file until it is rewritten.
    """

    records: Sequence[ForgottenRecord]
    already: bool
    documents: int
    contacts: Sequence[ForgottenRecord]
    swept: bool = True


def forget_record(
    project: Project,
    store: Store,
    entity: str,
    record_id: str,
    *,
    system: str | None = None,
    by: str,
    now: datetime,
) -> Forgotten:
    """Forget a record given by its id in either system, and its counterpart with it.

    ``system``: which one's id it is; needed only when both have such a record.
    """
    known_entity(entity)
    if entity not in _PEOPLE:
        raise ConfigurationError(
            f"a {entity} is nobody to be forgotten",
            fix="forget its customer: documents are then kept without what is personal",
        )
    side = _side(project, system)
    return _forget(project, store, lambda tx: _find(tx, project, entity, record_id, side), by, now)


def forget_email(
    project: Project, store: Store, email: str, *, by: str, now: datetime
) -> Forgotten:
    """Forget every customer and contact with this e-mail address, as last read."""
    wanted = email.strip().casefold()
    if "@" not in wanted:
        raise ConfigurationError(f"{email!r} is no e-mail address", fix="such as name@example.com")
    return _forget(project, store, lambda tx: _with_email(tx, wanted), by, now)


def _side(project: Project, system: str | None) -> Side | None:
    if system is None:
        return None
    names = {project.connection(s).name: s for s in Side} | {s.value: s for s in Side}
    if system not in names:
        raise ConfigurationError(f"no system is called {system!r}", fix=suggest(system, names))
    return names[system]


def _find(tx: Tx, project: Project, entity: str, record_id: str, only: Side | None) -> set[Key]:
    found: set[Key] = {
        (side, entity, record_id)
        for side in Side
        if only in (None, side) and _is_known(tx, (side, entity, record_id))
    }
    if not found:
        systems = " or ".join(project.connection(s).name for s in Side if only in (None, s))
        raise ConfigurationError(
            f"Interlock knows no {entity} {record_id} in {systems}",
            fix="check the id: what it does not know it keeps no copy of",
        )
    if len(found) > 1 and len(forgetting.links_of(tx, sorted(found))) != 1:
        raise ConfigurationError(
            f"both systems have a {entity} {record_id}, and they are not the same one",
            fix="say whose id it is: --system "
            + " or --system ".join(project.connection(s).name for s in Side),
        )
    return found


def _is_known(tx: Tx, key: Key) -> bool:
    side, entity, record_id = key
    if observations.load(tx, side, entity, [record_id]):
        return True
    name = tx.vault.identity(*key)
    return bool(forgotten.of_identities(tx, {name})) or name in forgotten.identities(tx)


def _with_email(tx: Tx, wanted: str) -> set[Key]:
    found: set[Key] = set()
    for side in Side:
        for entity in _PEOPLE:
            for seen in observations.every(tx, side, entity):
                email = seen.fields.get("email")
                if isinstance(email, str) and email.strip().casefold() == wanted:
                    found.add((side, entity, seen.id))
    if not found:
        raise ConfigurationError(
            "Interlock knows nobody with this e-mail address",
            fix="name the record: interlock forget contact ID",
        )
    return found


def _forget(
    project: Project,
    store: Store,
    find: Callable[[Tx], set[Key]],
    by: str,
    now: datetime,
) -> Forgotten:

    def _look(tx: Tx) -> tuple[list[Key], Forgotten]:
        keys = _with_partners(tx, find(tx))
        listed = forgotten.identities(tx)
        done = all(tx.vault.identity(*key) in listed for key in keys)
        _refuse_under_way(tx, keys)
        return keys, Forgotten(
            records=_named(project, keys),
            already=done and not forgetting.links_of(tx, keys),
            documents=len(forgetting.documents_of(tx, keys)),
            contacts=_named(project, _contacts_of(tx, keys)),
        )

    keys, told = store.run(_look)
    # the list first: a crash in between leaves something to be forgotten again, never too little
    list_forgotten(project, store.run(lambda tx: [tx.vault.identity(*key) for key in keys]))

    def _destroy(tx: Tx) -> None:
        _refuse_under_way(tx, keys)
        forgetting.forget(tx, keys, by=by, now=now)

    store.run(_destroy)
    swept = store.compact()
    seal_history(project, store, now)
    return msgspec.structs.replace(told, swept=swept)


def _with_partners(tx: Tx, keys: Collection[Key]) -> list[Key]:
    found = set(keys)
    touched = forgetting.links_of(tx, sorted(keys))
    for bundle in links.bundles(tx, touched).values():
        found |= {(side, m.entity, m.id) for side, m in bundle.members.items()}
    for further in attached.of_links(tx, touched).values():
        found |= {(one.side, one.entity, one.id) for one in further}
    return sorted(found)


def _refuse_under_way(tx: Tx, keys: Sequence[Key]) -> None:
    """A write that is under way would bring back what was forgotten, or lose an order."""
    mine = forgetting.links_of(tx, keys)
    naming = forgetting.links_of_documents(tx, forgetting.documents_of(tx, keys))
    for w in outbox.of_links(tx, mine).values():
        if w.state in _SENT:
            raise StaleStateError(
                f"a write to {w.entity} {w.record_id or w.source_id} is under way",
                fix="run `interlock sync --once`, then forget it",
            )
    for w in outbox.of_links(tx, naming).values():
        if w.state is not WriteState.DEAD:
            raise StaleStateError(
                f"the {w.entity} made from {w.source_entity} {w.source_id} is not delivered yet",
                fix="run `interlock sync --once`, or discard it, then forget its customer",
            )


def _contacts_of(tx: Tx, keys: Sequence[Key]) -> list[Key]:
    named: Mapping[Side, set[str]] = {
        side: {i for s, e, i in keys if s is side and e == "customer"} for side in Side
    }
    found: list[Key] = []
    for side in Side:
        for seen in observations.every(tx, side, "contact") if named[side] else ():
            customer = seen.fields.get("customer")
            if getattr(customer, "id", None) in named[side]:
                found.append((side, "contact", seen.id))
    return [key for key in found if key not in keys]


def _named(project: Project, keys: Sequence[Key]) -> list[ForgottenRecord]:
    return [
        ForgottenRecord(system=project.connection(side).name, entity=entity, id=record_id)
        for side, entity, record_id in keys
    ]
