"""What a changed map means for what was seen and agreed on before (rule 15).

Each field has a version of its own.  Under a changed one the last observation says nothing and
there is no base, so the merge decides as at a first link, and only an approved plan lets that go.
Going back to the former map brings its base back; what has moved since still waits for a plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from interlock.governance.rules import CROSS_REFERENCE, Side
from interlock.governance.versions import MapVersion, barred
from interlock.model import Fields, agree
from interlock.store import approvals, feeds, links, maps, purging
from interlock.store.database import Tx
from interlock.store.links import Bundle, Member
from interlock.store.observations import Observation
from interlock.sync.pair import Pair

__all__ = ["DISTRUSTED", "Maps", "activate", "creates_since", "maps_of"]

DISTRUSTED = "?"
"""In place of a map version: what was taken as agreed on has turned out not to be."""


def activate(tx: Tx, pair: Pair) -> None:
    """Make the pair's map the active one: bar what it bars, decide anew what it concerns."""
    current = feeds.get_meta(tx, "map_version")
    if current == pair.map_version:
        return
    now = pair.clock()
    new, old = pair.active_map, maps.load(tx, [current or ""]).get(current or "")
    known = maps.every_field(tx)
    maps.save(tx, new, now)
    purging.purge(tx, barred(old or MapVersion(), new, known), now)
    # who goes to and fro between two maps approves anew each time
    approvals.forget_all(tx)
    if old is None:
        links.raise_all(tx)
    else:
        links.raise_all(tx, old.entities_changed(new))
        for entity, policy in new.creates.items():
            if old.creates.get(entity) != policy:
                feeds.set_meta(tx, f"creates:{entity}", now.isoformat())
    feeds.set_meta(tx, "map_version", pair.map_version)


def creates_since(tx: Tx, entity: str, matched_at: str | None) -> str | None:
    """Until when a record must have been seen first for its create to need an approval.

    The lists' first match, or a later change of what is created; ``None``: always.
    """
    changed = feeds.get_meta(tx, f"creates:{entity}")
    return max(matched_at, changed) if matched_at and changed else matched_at


def maps_of(tx: Tx, pair: Pair, bundles: Sequence[Bundle]) -> Maps:
    """Load the maps that links and their records were last seen and agreed on under."""
    versions = {pair.map_version}
    for bundle in bundles:
        versions |= {o.map_version for o in bundle.seen.values()}
        for member in bundle.members.values():
            versions |= {member.base_map_version, *member.older.values()}
    others = versions - {pair.map_version, "", DISTRUSTED}
    return Maps(pair, maps.load(tx, others) if others else {})


class Maps:
    """The active map beside earlier ones."""

    def __init__(self, pair: Pair, known: Mapping[str, MapVersion]) -> None:
        self._pair = pair
        self._known = known
        self._held: dict[tuple[str, str], bool] = {}

    def holds(self, version: str, name: str) -> bool:
        """Say whether ``entity.field`` means now what it meant under a map; unknown maps: no."""
        if version == self._pair.map_version:
            return True
        if (version, name) not in self._held:
            earlier = self._known.get(version)
            same = earlier is not None and earlier.same(self._pair.active_map, name)
            self._held[version, name] = same
        return self._held[version, name]

    def bring_up(self, bundle: Bundle) -> Bundle:
        """See a link as the active map has it: what it concerns is unknown and has no base."""
        seen = {s: self._observation(o) for s, o in bundle.seen.items()}
        members = {s: self._member(bundle, m) for s, m in bundle.members.items()}
        return self._resumed(msgspec.structs.replace(bundle, seen=seen, members=members))

    def agreed(self, bundle: Bundle, side: Side) -> Fields:
        """What a member's base says of the fields that meant then what they mean in this map."""
        member = bundle.members[side]
        return {
            f: v
            for f, v in member.base.items()
            if self.holds(member.older.get(f, member.base_map_version), f"{bundle.link.entity}.{f}")
        }

    def _observation(self, seen: Observation) -> Observation:
        if seen.map_version == self._pair.map_version:
            return seen
        fields = {
            f: v
            for f, v in seen.fields.items()
            if f == CROSS_REFERENCE or self.holds(seen.map_version, f"{seen.entity}.{f}")
        }
        return msgspec.structs.replace(seen, fields=fields)

    def _member(self, bundle: Bundle, member: Member) -> Member:
        """Stamp the active version; fields it concerns keep the version they have their base of."""
        if member.base_map_version in ("", self._pair.map_version):
            return member
        rules = self._pair.rules(bundle.link.entity)
        names = {*(rules.fields if rules is not None else ()), *member.base}
        older = dict(member.older)
        for f in sorted(names - {CROSS_REFERENCE}):
            if not self.holds(member.base_map_version, f"{bundle.link.entity}.{f}"):
                older.setdefault(f, member.base_map_version)
        return msgspec.structs.replace(member, base_map_version=self._pair.map_version, older=older)

    def _resumed(self, bundle: Bundle) -> Bundle:
        """Let a base count again that was taken under the very map that is active.

        Where both sides still show it nothing has happened; else what comes of it is held.
        """
        if len(bundle.members) != len(Side) or not any(m.older for m in bundle.members.values()):
            return bundle
        fields = {f for m in bundle.members.values() for f in m.older}
        known = {f for f in fields if all(self._taken(bundle, s, f) for s in Side)}
        back = {f for f in known if all(self._rests(bundle, s, f) for s in Side)}
        if not known:
            return bundle
        members = {
            side: msgspec.structs.replace(
                member,
                older={f: v for f, v in member.older.items() if f not in back},
                counting=frozenset(known - back),
            )
            for side, member in bundle.members.items()
        }
        return msgspec.structs.replace(bundle, members=members)

    def _taken(self, bundle: Bundle, side: Side, field: str) -> bool:
        return field in self.agreed(bundle, side)

    def _rests(self, bundle: Bundle, side: Side, field: str) -> bool:
        member, seen = bundle.members[side], bundle.seen[side]
        view = self._pair.views.get((bundle.link.entity, member.entity))
        shown = seen.known if view is None else view(seen.known)
        return field in shown and agree(shown[field], member.base[field])
