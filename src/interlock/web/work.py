"""Daily work: status, plans, dead letters, conflicts, links, holds, explanations."""

from __future__ import annotations

from fastapi import Query, Response

from interlock.errors import ConfigurationError
from interlock.service.conflicts import (
    Answer,
    Conflict,
    ConflictStory,
    Filters,
    Settled,
    list_conflicts,
    resolve_conflicts,
    show_conflict,
)
from interlock.service.explaining import Explanation, explain
from interlock.service.holds import HoldView, Overridden, list_holds, override_hold, show_hold
from interlock.service.letters import (
    LetterView,
    Retried,
    discard_letters,
    edit_letter,
    edit_letters,
    letter_filter,
    list_letters,
    retry_letters,
    show_letter,
)
from interlock.service.linking import LinkList, LinkView, Undone, list_links, show_link, undo_link
from interlock.service.pausing import PauseView, pause, resume
from interlock.service.plan import Approval, Chosen, Plan, PlanView, approve, list_plans, make_plan
from interlock.service.status import Status, read_status
from interlock.service.stops import release_parked
from interlock.store.letter_batches import LetterFilter
from interlock.sync.progress import Run
from interlock.web import inputs
from interlock.web.desk import AtDesk, By, Desk
from interlock.web.inputs import Entity, Filter, Id, Number
from interlock.web.routes import Routes, answer

__all__ = ["routes"]

routes = Routes("work")


@routes.get("/v1/status", returns=Status)
def status(desk: AtDesk) -> Response:
    """How things stand, from the store alone."""
    return answer(read_status(desk.project, desk.store))


@routes.get("/v1/explain/{entity}/{record}", returns=Explanation)
def explain_record(
    desk: AtDesk, entity: Entity, record: Id, field: Filter = None, system: Filter = None
) -> Response:
    """Both systems' values of a record, whose each is, and how it came to be."""
    found = explain(desk.project, desk.store, entity, record, field=field, system=system)
    return answer(found)


# ── pauses ───────────────────────────────────────────────────────────────────────────────────


@routes.post("/v1/pause", returns=PauseView)
def pause_subject(desk: AtDesk, by: By, body: inputs.Pause) -> Response:
    """Read nothing from and write nothing to a system, or of an entity, until it is resumed."""
    now, lasting = desk.now(), inputs.age(body.lasting)
    until = None if lasting is None else now + lasting
    given = pause(
        desk.project, desk.store, body.subject, by=by, reason=body.reason, now=now, until=until
    )
    return answer(given)


@routes.post("/v1/resume", returns=PauseView)
def resume_subject(desk: AtDesk, by: By, body: inputs.Resume) -> Response:
    """Go on with what is paused; what was missed is caught up with."""
    return answer(resume(desk.project, desk.store, body.subject, by=by, now=desk.now()))


# ── plans ────────────────────────────────────────────────────────────────────────────────────


@routes.get("/v1/plans", returns=list[PlanView])
def plans(desk: AtDesk, limit: int = Query(20, ge=1, le=1000)) -> Response:
    """Plans that were shown, the latest first."""
    return answer(list_plans(desk.store, limit=limit))


@routes.post("/v1/plans", returns=Plan)
async def plan(desk: AtDesk) -> Response:
    """Read both systems and show what would be written where; writes nothing."""
    async with desk.planning:
        return answer(await make_plan(desk.session, Run(id="plan")))


@routes.post("/v1/plans/{plan}/approve", returns=Approval)
def approve_plan(desk: AtDesk, by: By, plan: Id, part: inputs.Approve | None = None) -> Response:
    """Let the writes of a plan go, or a part of them, that have not changed since it was shown."""
    part = part or inputs.Approve()
    chosen = Chosen(kind=part.kind, entity=part.entity, stop=part.stop)
    pair = desk.session.pair
    return answer(approve(desk.store, plan, by=by, now=desk.now(), chosen=chosen, pair=pair))


# ── dead letters ─────────────────────────────────────────────────────────────────────────────


@routes.get("/v1/dead-letters", returns=list[LetterView])
def letters(
    desk: AtDesk,
    *,
    cause: Filter = None,
    entity: Filter = None,
    system: Filter = None,
    field: Filter = None,
    closed: bool = False,
) -> Response:
    """What could not be done, why, and what would mend it."""
    chosen = letter_filter(desk.project, cause=cause, entity=entity, system=system, field=field)
    return answer(list_letters(desk.project, desk.store, chosen, closed=closed))


@routes.get("/v1/dead-letters/{letter}", returns=LetterView)
def letter(desk: AtDesk, letter: Number) -> Response:
    """One with all its values."""
    return answer(show_letter(desk.project, desk.store, letter))


@routes.post("/v1/dead-letters/edit", returns=Retried)
def edit_many(desk: AtDesk, by: By, body: inputs.EditMany) -> Response:
    """Set values in all writes that fit; tried again with them at the next sync."""
    chosen = _chosen(desk, body)
    if not isinstance(chosen, LetterFilter):
        raise ConfigurationError("numbers are edited one by one", fix="give filters")
    return answer(
        edit_letters(desk.project, desk.store, chosen, body.values, by=by, reason=body.reason,
                     now=desk.now())
    )  # fmt: skip


@routes.post("/v1/dead-letters/retry", returns=Retried)
def retry(desk: AtDesk, by: By, body: inputs.Retry) -> Response:
    """Try again at the next sync; what is written is decided anew."""
    return answer(retry_letters(desk.store, _chosen(desk, body), by=by, now=desk.now()))


@routes.post("/v1/dead-letters/discard", returns=Retried)
def discard(desk: AtDesk, by: By, body: inputs.Discard) -> Response:
    """Give up: it does not come back until the record changes."""
    chosen = _chosen(desk, body)
    return answer(discard_letters(desk.store, chosen, by=by, reason=body.reason, now=desk.now()))


@routes.post("/v1/dead-letters/{letter}/edit", returns=LetterView)
def edit(desk: AtDesk, by: By, letter: Number, body: inputs.Edit) -> Response:
    """Set values of a write; tried again with them at the next sync."""
    return answer(
        edit_letter(desk.project, desk.store, letter, body.values, by=by, reason=body.reason,
                    now=desk.now())
    )  # fmt: skip


def _chosen(desk: Desk, body: inputs.Chosen) -> list[int] | LetterFilter:
    if bool(body.ids) is (body.all or body.filtered):
        raise ConfigurationError("say which: ids, or all, or filters", fix="GET /v1/dead-letters")
    if body.ids:
        return list(body.ids)
    old = inputs.age(body.older_than)
    return letter_filter(
        desk.project, cause=body.cause, entity=body.entity, system=body.system, field=body.field,
        before=None if old is None else desk.now() - old,
    )  # fmt: skip


# ── conflicts ────────────────────────────────────────────────────────────────────────────────


@routes.get("/v1/conflicts", returns=list[Conflict])
def conflicts(
    desk: AtDesk,
    *,
    entity: Filter = None,
    field: Filter = None,
    kind: Filter = None,
    link: int | None = Query(None, ge=1, le=2**31 - 1),
    kept: bool = False,
) -> Response:
    """Fields that differ and wait for a person."""
    filters = Filters(entity=entity, field=field, kind=kind, link=link)
    return answer(list_conflicts(desk.project, desk.store, filters, kept=kept))


@routes.post("/v1/conflicts/resolve", returns=Settled)
def resolve(desk: AtDesk, by: By, body: inputs.Resolve) -> Response:
    """Decide; the next sync writes it, unless a side has changed by then."""
    said = Answer(choice=body.choice, typed=body.value)
    return answer(
        resolve_conflicts(
            desk.project, desk.store, list(body.ids), said, by=by, reason=body.reason.strip(),
            now=desk.now(), seen=body.seen,
        )
    )  # fmt: skip


@routes.get("/v1/conflicts/{conflict}", returns=ConflictStory)
def conflict(desk: AtDesk, conflict: Id) -> Response:
    """One with all that helps to decide it."""
    return answer(show_conflict(desk.project, desk.store, conflict))


# ── links ────────────────────────────────────────────────────────────────────────────────────


@routes.get("/v1/links", returns=LinkList)
def links(
    desk: AtDesk, entity: Filter = None, limit: int = Query(100, ge=1, le=10_000)
) -> Response:
    """Links in the order in which they were made."""
    return answer(list_links(desk.project, desk.store, entity=entity, limit=limit))


@routes.get("/v1/links/{link}", returns=LinkView)
def link(desk: AtDesk, link: Number) -> Response:
    """One link by its number."""
    return answer(show_link(desk.project, desk.store, key=[str(link)]))


@routes.get("/v1/links/{entity}/{record}", returns=LinkView)
def link_of(desk: AtDesk, entity: Entity, record: Id) -> Response:
    """The link of a record, by its id in either system."""
    return answer(show_link(desk.project, desk.store, key=[entity, record]))


@routes.post("/v1/links/{link}/undo", returns=Undone)
def undo(desk: AtDesk, by: By, link: Number, body: inputs.Reasoned) -> Response:
    """Take a wrong link apart: the two are never linked again by themselves."""
    return answer(
        undo_link(desk.project, desk.store, [str(link)], by=by, reason=body.reason,
                  now=desk.now())
    )  # fmt: skip


@routes.post("/v1/links/{link}/release", returns=LinkView)
def release(desk: AtDesk, by: By, link: Number, body: inputs.Release) -> Response:
    """Let a parked field of a link be decided anew at the next sync."""
    release_parked(desk.store, link, body.field, by=by, now=desk.now())
    return answer(show_link(desk.project, desk.store, key=[str(link)]))


# ── holds ────────────────────────────────────────────────────────────────────────────────────


@routes.get("/v1/holds", returns=list[HoldView])
def holds(desk: AtDesk, *, ended: bool = False) -> Response:
    """Credit holds with the deals that wait, the latest first."""
    return answer(list_holds(desk.project, desk.store, ended=ended))


@routes.get("/v1/holds/{hold}", returns=HoldView)
def hold(desk: AtDesk, hold: Number) -> Response:
    """One hold."""
    return answer(show_hold(desk.project, desk.store, hold))


@routes.post("/v1/holds/override", returns=Overridden)
def override(desk: AtDesk, by: By, body: inputs.OverrideHold) -> Response:
    """Let a won deal be ordered although its customer is on credit hold, this time."""
    given = override_hold(desk.store, body.deal, by=by, reason=body.reason, now=desk.now())
    return answer(given)
