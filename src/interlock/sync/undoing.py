"""Undoing: what a person wants back goes before what the merge decides, once.  Pure.

Afterwards both sides' values are taken as agreed to differ: nothing moves until one changes, and
the field is shown as open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from interlock.governance.merge import Action, Outcome
from interlock.governance.rules import Side
from interlock.model import ANYTHING, agree
from interlock.store.links import Bundle, Member
from interlock.store.undoing import UndoRequest
from interlock.sync.pair import Pair

__all__ = ["apply_undo"]


def apply_undo(
    pair: Pair,
    bundle: Bundle,
    requests: Sequence[UndoRequest],
    changes: Mapping[Side, dict[str, Outcome]],
    opened: dict[str, tuple[str, str]],
    bases: list[tuple[int, Member]],
) -> list[UndoRequest]:
    """Put requested values into a link's changes; returns the requests that are over."""
    over = []
    for r in requests:
        seen = bundle.seen[r.side].known
        caps = pair.side(r.side).entity(r.entity)
        facts = ANYTHING if caps is None else caps.fields.get(r.field, ANYTHING)
        if r.field not in seen:
            continue
        shown = seen[r.field]
        if agree(shown, r.value, facts):
            over.append(r)
            _settle(bundle, r.field, bases)
            if _differs(bundle, r.field):
                opened[r.field] = ("undone", f"{r.why}; it stays so until one side changes")
        elif not agree(shown, r.instead, facts):
            # somebody has changed it since: that stands
            over.append(r)
            continue
        else:
            changes[r.side][r.field] = Outcome(
                field=r.field,
                action=Action.WRITE,
                target=r.side,
                value=r.value,
                expected=shown,
                why=r.why,
            )
            changes[r.side.other].pop(r.field, None)
            continue
        for side in Side:
            changes[side].pop(r.field, None)
    return over


def _settle(bundle: Bundle, field: str, bases: list[tuple[int, Member]]) -> None:
    """Take what both sides show as what they agreed on."""
    link_id = bundle.link.id
    mine = {m.side: n for n, (i, m) in enumerate(bases) if i == link_id}
    for side, member in bundle.members.items():
        known = bundle.seen[side].known
        if field not in known:
            continue
        latest = bases[mine[side]][1] if side in mine else member
        after = msgspec.structs.replace(
            latest,
            base={**latest.base, field: known[field]},
            unconfirmed=latest.unconfirmed - {field},
        )
        if side in mine:
            bases[mine[side]] = (link_id, after)
        else:
            bases.append((link_id, after))


def _differs(bundle: Bundle, field: str) -> bool:
    crm, erp = (bundle.seen[side].known.get(field) for side in Side)
    return not agree(crm, erp)
