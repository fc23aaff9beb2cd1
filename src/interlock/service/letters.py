"""Dead letters: look at what could not be done, mend it, try it again or give it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

import msgspec

from interlock.errors import ConfigurationError, StaleStateError
from interlock.governance.document import suggest
from interlock.governance.rules import CROSS_REFERENCE, Ownership, Side
from interlock.model import Address, Fields, Line, Money, Ref, Value, WriteKind
from interlock.project.load import Project
from interlock.service.labels import known_entity, label_of, label_of_link
from interlock.store import (
    dead_letters,
    history,
    letter_batches,
    links,
    observations,
    outbox,
)
from interlock.store.database import Store, Tx
from interlock.store.dead_letters import DeadLetter
from interlock.store.history import Event, plain
from interlock.store.letter_batches import LetterFilter, Target
from interlock.sync.causes import Cause, cause_of, codes_of

__all__ = [
    "LetterView", "Retried", "discard_letters", "edit_letter", "edit_letters", "letter_filter",
    "list_letters", "parse_value", "retry_letters", "show_letter",
]  # fmt: skip

_YES_NO = {"yes": True, "true": True, "no": False, "false": False}


class LetterView(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter.

    ``record``: the one to be changed, ``None`` for one to be created; ``source``: the record it
    was decided from.  ``state``: "open", "retry" (tried again at the next sync) or "closed".
    ``edited``: values a person set, with author and reason.
    """

    id: int
    state: str
    system: str
    entity: str
    kind: WriteKind
    record: str | None
    source_system: str
    source_entity: str | None
    source: str | None
    link: int | None
    label: str
    cause: str
    cause_class: str
    field: str | None
    message: str
    fix: str
    fields: Mapping[str, object]
    edited: Mapping[str, object]
    edited_by: str | None
    edited_reason: str | None
    at: datetime
    closed_at: datetime | None
    closed_why: str | None


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters that were let go again; ``missing``: ids that are not open."""

    ids: Sequence[int]
    missing: Sequence[int]


# ── looking ──────────────────────────────────────────────────────────────────────────────────


def list_letters(
    project: Project,
    store: Store,
    filters: LetterFilter | None = None,
    *,
    closed: bool = False,
) -> list[LetterView]:
    """List the open dead letters that fit, oldest first, or the closed ones, latest first."""

    def _list(tx: Tx) -> list[LetterView]:
        found = (
            dead_letters.closed(tx)
            if closed
            else letter_batches.chosen(tx, filters or LetterFilter())
        )
        return _views(tx, project, found)

    return store.run(_list)


def show_letter(project: Project, store: Store, letter_id: int) -> LetterView:
    """Show one, open or closed."""

    def _show(tx: Tx) -> LetterView:
        letter = dead_letters.get(tx, letter_id)
        if letter is None:
            raise _no_such(letter_id)
        return _views(tx, project, [letter])[0]

    return store.run(_show)


def letter_filter(
    project: Project,
    *,
    cause: str | None = None,
    entity: str | None = None,
    system: str | None = None,
    field: str | None = None,
    before: datetime | None = None,
) -> LetterFilter:
    """Make a filter of what a person typed; ``cause`` is a class, or a system's own code."""
    target = None
    if system is not None:
        names = {project.connection(s).name: s for s in Side} | {s.value: s for s in Side}
        if system not in names:
            raise ConfigurationError(
                f"no system is called {system!r}", fix=suggest(system, sorted(names))
            )
        target = names[system]
    codes, others = None, False
    if cause is not None:
        known = {c.value: c for c in Cause}
        codes, others = codes_of(known[cause]) if cause in known else (frozenset({cause}), False)
    return LetterFilter(
        codes=codes,
        but_codes=others,
        entity=None if entity is None else known_entity(entity),
        target=target,
        field=field,
        before=before,
    )


# ── acting ───────────────────────────────────────────────────────────────────────────────────


def edit_letter(
    project: Project,
    store: Store,
    letter_id: int,
    changes: Mapping[str, str],
    *,
    by: str,
    reason: str,
    now: datetime,
) -> LetterView:
    """Set single values of the write, which then is tried again at the next sync.

    ``changes``: field, or ``field.part`` of an address, -> text.  The records themselves stay as
    they are until then; a value that changes at its source meanwhile goes before the one set here.
    """

    def _edit(tx: Tx) -> LetterView:
        letter = _open_letter(tx, letter_id)
        if not _has_values(letter):
            raise ConfigurationError(
                f"dead letter {letter_id} is a decision, not a write: it has no values to set",
                fix=letter.fix,
            )
        _edit_all(tx, project, [letter], changes, by=by, reason=reason, now=now)
        edited = dead_letters.get(tx, letter_id)
        assert edited is not None
        return _views(tx, project, [edited])[0]

    return store.run(_edit)


def edit_letters(
    project: Project,
    store: Store,
    filters: LetterFilter,
    changes: Mapping[str, str],
    *,
    by: str,
    reason: str,
    now: datetime,
) -> Retried:
    """Set the same values in all writes that fit; what has no such values is ``missing``."""

    def _edit(tx: Tx) -> Retried:
        letters = letter_batches.chosen(tx, filters)
        fit = [
            d
            for d in letters
            if _has_values(d)
            and all(
                name in (known := _settable(tx, project, d)) or name.partition(".")[0] in known
                for name in changes
            )
        ]
        _edit_all(tx, project, fit, changes, by=by, reason=reason, now=now)
        ids = [d.id for d in fit]
        return Retried(ids=ids, missing=sorted({d.id for d in letters} - set(ids)))

    return store.run(_edit)


def _has_values(letter: DeadLetter) -> bool:
    return letter.link_id is not None and bool(letter.fields)


def _edit_all(
    tx: Tx,
    project: Project,
    letters: Sequence[DeadLetter],
    changes: Mapping[str, str],
    *,
    by: str,
    reason: str,
    now: datetime,
) -> None:
    edits = [(letter, _typed(tx, project, letter, changes)) for letter in letters]
    letter_batches.override(tx, edits, by=by, reason=reason)
    history.add(
        tx,
        [
            msgspec.structs.replace(
                _event(letter, "edited", f"set by {by}: {reason}", now),
                field=field,
                old=plain({**letter.fields, **(letter.override or {})}.get(field)),
                new=plain(value),
            )
            for letter, fields in edits
            for field, value in fields.items()
        ],
    )
    ids = [letter.id for letter in letters]
    letter_batches.revive(tx, letter_batches.targets(tx, LetterFilter(ids=ids)), now)


def retry_letters(
    store: Store, chosen: Sequence[int] | LetterFilter | None, *, by: str, now: datetime
) -> Retried:
    """Try the given ones again at the next sync, or all of them (``None``): decided anew."""

    def _retry(tx: Tx) -> Retried:
        letters, missing = _targets(tx, chosen)
        # a decision of a process is taken anew at every sync anyway
        letter_batches.revive(tx, letters, now)
        history.add(tx, [_event(t, "retried", f"by {by}", now) for t in letters])
        return Retried(ids=[t.id for t in letters], missing=missing)

    return store.run(_retry)


def discard_letters(
    store: Store,
    chosen: Sequence[int] | LetterFilter,
    *,
    by: str,
    reason: str,
    now: datetime,
) -> Retried:
    """Give writes or decisions up until the record changes.

    One that is about to be tried again is refused when it was named, left alone when it only fits.
    """

    def _discard(tx: Tx) -> Retried:
        letters, missing = _targets(tx, chosen)
        moving = letter_batches.retried(tx, letters)
        if moving and not isinstance(chosen, LetterFilter):
            raise StaleStateError(
                f"dead letter {min(moving)} is about to be tried again",
                fix="run `interlock sync --once`; if it comes back, discard it then",
            )
        given_up = [t for t in letters if t.id not in moving]
        ids = [t.id for t in given_up]
        letter_batches.discard(tx, ids, by=by, reason=reason, now=now)
        history.add(tx, [_event(t, "discarded", f"by {by}: {reason}", now) for t in given_up])
        return Retried(ids=ids, missing=missing)

    return store.run(_discard)


def _targets(tx: Tx, chosen: Sequence[int] | LetterFilter | None) -> tuple[list[Target], list[int]]:
    """Find the open ones that were chosen, and which of the named ones are not open."""
    if chosen is None or isinstance(chosen, LetterFilter):
        return letter_batches.targets(tx, chosen or LetterFilter()), []
    found = {t.id: t for t in letter_batches.targets(tx, LetterFilter(ids=chosen))}
    named = list(dict.fromkeys(chosen))
    return [found[i] for i in named if i in found], [i for i in named if i not in found]


def _event(letter: DeadLetter | Target, name: str, why: str, now: datetime) -> Event:
    return Event(
        at=now,
        event=name,
        entity=letter.entity,
        why=why,
        link_id=letter.link_id,
        side=letter.target,
        record_id=letter.record_id,
        field=letter.field,
    )


def _open_letter(tx: Tx, letter_id: int) -> DeadLetter:
    letter = dead_letters.get(tx, letter_id)
    if letter is None:
        raise _no_such(letter_id)
    if letter.closed_at is not None:
        raise ConfigurationError(
            f"dead letter {letter_id} is closed: {letter.closed_why}",
            fix="see `interlock dead-letters list` for the open ones",
        )
    return letter


def _no_such(letter_id: int) -> ConfigurationError:
    return ConfigurationError(
        f"there is no dead letter {letter_id}", fix="see `interlock dead-letters list`"
    )


# ── values typed by a person ─────────────────────────────────────────────────────────────────


def _typed(tx: Tx, project: Project, letter: DeadLetter, changes: Mapping[str, str]) -> Fields:
    settable = _settable(tx, project, letter)
    fields: Fields = {}
    for name, text in changes.items():
        field = name if name in settable else name.partition(".")[0]
        if field not in settable:
            raise ConfigurationError(
                f"{field!r} is not a field of this write", fix=suggest(field, settable)
            )
        shown = {**letter.fields, **(letter.override or {}), **fields}.get(field)
        part = name[len(field) + 1 :]
        fields[field] = parse_value(tx, letter.entity, field, part, text, shown)
    return fields


def _settable(tx: Tx, project: Project, letter: DeadLetter) -> list[str]:
    """Name the fields of a write that a person may set."""
    rules = project.ownership.entities[letter.entity].fields
    return sorted(
        field
        for field in {*letter.fields, *(rules if letter.kind is WriteKind.CREATE else ())}
        if field != CROSS_REFERENCE
        and field in tx.schema[letter.entity]
        and (field not in rules or rules[field].ownership is not Ownership.LOCAL)
    )


def parse_value(
    tx: Tx, entity: str, field: str, part: str, text: str, shown: Value | None
) -> Value | None:
    """Read what a person typed as a value of the field; "" is blank.

    ``part``: of an address, changes only that part of ``shown``.
    """
    schema = tx.schema[entity]
    kinds = {schema.types[field], *get_args(schema.types[field])}
    name = f"{entity}.{field}"
    if kinds & {Ref, tuple[Line, ...], Line}:
        raise ConfigurationError(
            f"{name} cannot be set here",
            fix="correct it in the system it comes from, then retry",
        )
    raw: Any = text.strip() or None
    hint = "write it as the field's type asks"
    if Address in kinds:
        raw, hint = _address(name, part, raw, shown), "name its parts: billing_address.city=Bonn"
    elif part:
        raise ConfigurationError(f"{name} has no parts", fix=f"write {field}=VALUE")
    elif Money in kinds and raw is not None:
        amount, _, currency = str(raw).partition(" ")
        raw = {"amount": amount, "currency": currency.strip().upper()}
        hint = "write an amount and its currency: 1200.50 EUR"
        if len(raw["currency"]) != 3:
            raise ConfigurationError(f"{name}: the currency is missing", fix=hint)
    elif bool in kinds and raw is not None:
        raw, hint = _YES_NO.get(str(raw).casefold(), raw), "write yes or no"
    try:
        return schema.convert(field, raw)
    except msgspec.ValidationError:
        raise ConfigurationError(f"{name} cannot be {text!r}", fix=hint) from None


def _address(name: str, part: str, raw: str | None, shown: Value | None) -> object:
    if not part and raw is None:
        return None
    if part not in Address.__struct_fields__:
        raise ConfigurationError(
            f"{name} is an address",
            fix="set its parts: "
            + ", ".join(f"{name.partition('.')[2]}.{p}=…" for p in Address.__struct_fields__),
        )
    parts = msgspec.structs.asdict(shown) if isinstance(shown, Address) else {}
    return {**parts, part: raw}


# ── views ────────────────────────────────────────────────────────────────────────────────────


def _views(tx: Tx, project: Project, letters: Sequence[DeadLetter]) -> list[LetterView]:
    ids = sorted({d.link_id for d in letters if d.link_id is not None})
    bundles, writes = links.bundles(tx, ids), outbox.of_links(tx, ids)
    labels = {i: label_of_link(b) for i, b in bundles.items()}
    sources = _source_labels(tx, [d for d in letters if not labels.get(d.link_id or 0)])
    found = []
    for d in letters:
        write = None if d.link_id is None else writes.get((d.link_id, d.target))
        state = "open"
        if d.closed_at is not None:
            state = "closed"
        elif write is not None and write.state not in letter_batches.AT_REST:
            state = "retry"
        found.append(
            LetterView(
                id=d.id,
                state=state,
                system=project.connection(d.target).name,
                entity=d.entity,
                kind=d.kind,
                record=d.record_id,
                source_system=project.connection(d.target.other).name,
                source_entity=d.source_entity,
                source=d.source_id,
                link=d.link_id,
                label=labels.get(d.link_id or 0, "")
                or sources.get((d.target.other, d.source_entity, d.source_id), ""),
                cause=d.cause,
                cause_class=cause_of(d.cause).value,
                field=d.field,
                message=d.message,
                fix=d.fix,
                fields={f: plain(v) for f, v in d.fields.items()},
                edited={f: plain(v) for f, v in (d.override or {}).items()},
                edited_by=d.override_by,
                edited_reason=d.override_reason,
                at=d.at,
                closed_at=d.closed_at,
                closed_why=d.closed_why,
            )
        )
    return found


def _source_labels(
    tx: Tx, letters: Sequence[DeadLetter]
) -> Mapping[tuple[Side, str | None, str | None], str]:
    """What the records are called that dead letters without a link come from."""
    ids: dict[tuple[Side, str], set[str]] = {}
    for d in letters:
        if d.source_entity is not None and d.source_id is not None:
            ids.setdefault((d.target.other, d.source_entity), set()).add(d.source_id)
    return {
        (side, entity, o.id): label_of(o.fields)
        for (side, entity), some in ids.items()
        for o in observations.load(tx, side, entity, sorted(some)).values()
    }
