"""Resolving: what persons decided on a link's open fields, put into its decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from interlock.governance.merge import Decision, MemberView, Outcome
from interlock.governance.resolution import Resolution, Standing, resolve_field
from interlock.governance.rules import EntityRules, Ownership, Side
from interlock.model import Fields
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.links import Bundle
from interlock.store.resolutions import fingerprint, put, remove
from interlock.sync.pair import Pair
from interlock.sync.progress import Run

if TYPE_CHECKING:
    from interlock.sync.decision import Decided

__all__ = ["apply_resolutions", "store_resolutions"]


def apply_resolutions(
    pair: Pair,
    run: Run,
    bundle: Bundle,
    rules: EntityRules,
    views: Mapping[Side, MemberView],
    shown: Mapping[Side, Fields],
    decision: Decision,
    result: Decided,
) -> Decision:
    """Let persons' resolutions replace what the merge decided on their fields.

    ``shown``: both records as their systems show them: what the decisions were made on.
    """
    mine = result.resolutions.get(bundle.link.id)
    if not mine:
        return decision
    schema = pair.store.schema[bundle.link.entity]
    merged = {o.field: o for o in decision.outcomes}
    outcomes: dict[str, tuple[Outcome, ...]] = {f: (o,) for f, o in merged.items()}
    known = result.known_open.get(bundle.link.id, {})
    for field, resolution in mine.items():
        rule = rules.fields.get(field)
        if rule is None or rule.ownership is Ownership.LOCAL:
            # the field is no longer merged
            result.ended.append((bundle.link.id, field))
            continue
        moved = frozenset(
            side
            for side, fields in shown.items()
            if field in fields
            and fingerprint(schema, field, fields[field]) != resolution.seen[side]
        )
        became = resolve_field(
            rule, resolution, views, moved, merged.get(field), is_open=field in known
        )
        outcomes[field] = became.outcomes
        if became.quiet:
            result.quiet.setdefault(bundle.link.id, set()).add(field)
        _note(pair, run, bundle, resolution, became.standing, became.note, result)
    return Decision(tuple(o for group in outcomes.values() for o in group))


def _note(
    pair: Pair,
    run: Run,
    bundle: Bundle,
    resolution: Resolution,
    standing: Standing | None,
    note: str,
    result: Decided,
) -> None:
    """Note that a resolution has ended, or that it was made in vain."""
    event = why = ""
    if standing is None:
        result.ended.append((bundle.link.id, resolution.field))
        if resolution.standing is Standing.DECIDED:
            event, why = "resolved", f"done as {resolution.why}"
    elif standing is not resolution.standing:
        stale = msgspec.structs.replace(resolution, standing=standing, note=note)
        result.stale.append((bundle.link.id, bundle.link.entity, stale))
        event, why = "asked again", note
    if event:
        result.events.append(
            Event(
                at=pair.clock(),
                event=event,
                entity=bundle.link.entity,
                link_id=bundle.link.id,
                field=resolution.field,
                why=why,
                run_id=run.id,
            )
        )


def store_resolutions(tx: Tx, result: Decided) -> None:
    """Store where the resolutions of a batch stand now."""
    remove(tx, result.ended)
    put(tx, result.stale)
