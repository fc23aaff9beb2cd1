"""Alerting: what stands that people should know of, grouped by cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from interlock.governance.rules import Side
from interlock.observability.alerts import Alarm, Told, decide, deviation
from interlock.project.load import Project
from interlock.project.outreach import Cause
from interlock.service.stops import read_stops
from interlock.store import epochs, figures, hints, notices, outgoing, pauses
from interlock.store.database import Tx
from interlock.store.figures import Letters
from interlock.store.notices import Notice
from interlock.store.outgoing import Outgoing
from interlock.sync.causes import CAUSES, cause_of

__all__ = ["DESTINATION", "Text", "raise_alerts", "read_alarms"]

DESTINATION = "alert:"
"""Channels by name, among what is to be told."""

_USUAL_DAYS = 14
_FAILURES_TOLD = 3
"""Failures in a row of one system before anybody is told; a short one mends itself."""


class Text(msgspec.Struct, frozen=True):
    """A message as it is kept until it is sent."""

    title: str
    text: str


def raise_alerts(tx: Tx, project: Project, now: datetime, *, count_runs: bool = True) -> int:
    """Put what people are to be told into the outgoing rows; returns how many messages.

    ``count_runs``: whether to compare with former days, which reads all their runs.
    """
    channels = project.alerts.channels
    if not channels:
        return 0
    told = {
        cause: Told(**msgspec.structs.asdict(one)) for cause, one in notices.all_notices(tx).items()
    }
    alarms = read_alarms(tx, project, told, now, count_runs=count_runs)
    decision = decide(alarms, told, now, project.alerts.window)
    notices.put(tx, [Notice(**msgspec.structs.asdict(one)) for one in decision.keep])
    notices.drop(tx, decision.drop)
    rows = [
        Outgoing(
            destination=f"{DESTINATION}{channel.name}",
            id=f"{message.cause}@{now.isoformat()}",
            kind=message.kind,
            body=msgspec.json.encode(Text(f"Interlock: {message.title}", message.text)),
            at=now,
            due_at=now,
        )
        for message in decision.messages
        for channel in channels
        if message.kind in channel.causes
    ]
    outgoing.put(tx, rows)
    return len(decision.messages)


def read_alarms(
    tx: Tx, project: Project, told: Mapping[str, Told], now: datetime, *, count_runs: bool
) -> list[Alarm]:
    """Read all causes that stand now."""
    names = {side: project.connection(side).name for side in Side}
    found = [
        *_letters(figures.letters_by_cause(tx), names),
        *_undelivered(tx, names, now, project.alerts.undelivered_after),
        *_failing(tx, names),
        *_stops(tx, names),
        *_held(tx),
        *_holds(tx, told, now, project.alerts.window),
        *_events(tx, project, now),
    ]
    before = told.get(Cause.DEVIATION)
    if count_runs:
        found += _deviation(tx, now)
    elif before is not None and before.closed_at is None:
        # not looked at now is not over
        found.append(Alarm(cause=before.cause, kind=before.kind, title="", text="", looked=False))
    return found


def _letters(letters: Sequence[Letters], names: Mapping[Side, str]) -> list[Alarm]:
    groups = defaultdict(list)
    for one in letters:
        groups[one.side, cause_of(one.code)].append(one)
    found = []
    for (side, cause), ones in groups.items():
        count = sum(one.count for one in ones)
        explained = CAUSES[cause]
        found.append(
            Alarm(
                cause=f"dead letters to {names[side]}: {cause}",
                kind=Cause.DEAD_LETTERS,
                title=f"{_amount(count, 'dead letter')} to {names[side]}: {cause}",
                text=f"{explained.why}. What to do: {explained.fix}.\n"
                f"See: interlock dead-letters list --cause {cause} --side {names[side]}",
            )
        )
    return found


def _undelivered(tx: Tx, names: Mapping[Side, str], now: datetime, bound: timedelta) -> list[Alarm]:
    found = []
    for side, (count, since) in figures.undelivered(tx).items():
        if now - since > bound:
            found.append(
                Alarm(
                    cause=f"undelivered to {names[side]}",
                    kind=Cause.UNDELIVERED,
                    title=f"a change waits for {names[side]} since {since:%Y-%m-%d %H:%M} UTC",
                    text=f"{_amount(count, 'change')} not delivered. See: interlock status",
                )
            )
    waiting = hints.oldest(tx)
    if waiting is not None and now - waiting > bound:
        found.append(
            Alarm(
                cause="webhooks not followed",
                kind=Cause.UNDELIVERED,
                title=f"webhooks wait to be followed since {waiting:%Y-%m-%d %H:%M} UTC",
                text="Nothing is lost, but changes come late. Is `interlock serve` syncing? "
                "See: interlock status",
            )
        )
    return found


def _failing(tx: Tx, names: Mapping[Side, str]) -> list[Alarm]:
    found = []
    for one in pauses.everything(tx):
        if not one.is_own:
            continue
        name = names[Side(one.subject)]
        if one.code == "needs_auth":
            found.append(
                Alarm(
                    cause=f"credentials of {name}",
                    kind=Cause.CREDENTIALS,
                    title=f"{name} refuses the credentials: nothing is read from or written to it",
                    text="What to do: renew them in .env or the environment, then "
                    "`interlock check`; it goes on by itself.",
                )
            )
        elif one.tries >= _FAILURES_TOLD:
            found.append(
                Alarm(
                    cause=f"{name} unreachable",
                    kind=Cause.UNREACHABLE,
                    title=f"{name} does not answer, {one.tries} times in a row",
                    text="Nothing is lost; it is tried again, and caught up with. "
                    "What to do: see `interlock check`.",
                )
            )
    return found


def _stops(tx: Tx, names: Mapping[Side, str]) -> list[Alarm]:
    found = []
    for stop in read_stops(tx, names):
        what = f"{stop.system} {stop.entity} {stop.field or stop.kind}"
        breaker = bool(stop.field)
        found.append(
            Alarm(
                cause=f"stopped: {what}",
                kind=Cause.BREAKER if breaker else Cause.LIMIT,
                title=f"stopped: {what}",
                text=f"{stop.why}. What to do: {stop.fix}.",
            )
        )
    return found


def _held(tx: Tx) -> list[Alarm]:
    hold = epochs.hold_of(tx)
    if hold is None:
        return []
    return [
        Alarm(
            cause="nothing is written",
            kind=Cause.HELD,
            title="nothing is written: the store went back",
            text=f"{hold.why}. What to do: look at `interlock plan`, then `interlock approve`.",
        )
    ]


def _holds(tx: Tx, told: Mapping[str, Told], now: datetime, window: timedelta) -> list[Alarm]:
    """Tell credit holds placed since people were last told of any."""
    before = told.get("credit holds")
    since = now - window if before is None else before.told_at
    placed = [one for one in figures.holds_between(tx, since) if one.began_at > since]
    if not placed:
        return []
    return [
        Alarm(
            cause="credit holds",
            kind=Cause.HOLD_PLACED,
            title=f"{_amount(len(placed), 'customer')} put on credit hold",
            text="Their won deals wait, and deals that are to be paused are. "
            "See: interlock holds list",
            lasting=False,
        )
    ]


def _events(tx: Tx, project: Project, now: datetime) -> list[Alarm]:
    waiting = outgoing.waiting(tx)
    found = []
    for endpoint in project.events:
        late = waiting.get(f"event:{endpoint.name}")
        if late is not None and late.failing and now - late.oldest > timedelta(minutes=15):
            found.append(
                Alarm(
                    cause=f"events to {endpoint.name}",
                    kind=Cause.EVENTS,
                    title=f"{_amount(late.count, 'event')} cannot be delivered to {endpoint.name}",
                    text="It does not answer, or not with success; it is tried again for 3 days. "
                    "What to do: look at the tool, and at events in interlock.yaml.",
                )
            )
    return found


def _deviation(tx: Tx, now: datetime) -> list[Alarm]:
    days = [0] * (_USUAL_DAYS + 1)
    oldest = now
    for at, counts in figures.runs_since(tx, now - timedelta(days=_USUAL_DAYS + 1)):
        back = (now - at) // timedelta(days=1)
        oldest = min(oldest, at)
        days[-1 - max(back, 0)] += counts.get("created", 0) + counts.get("updated", 0)
    # days before the first run say nothing, nor does the one it began in
    known = (now - oldest) // timedelta(days=1)
    said = deviation(days[len(days) - 1 - max(known - 1, 0) :])
    if not said:
        return []
    return [
        Alarm(
            cause=Cause.DEVIATION,
            kind=Cause.DEVIATION,
            title="unusual number of writes",
            text=f"{said}. See: interlock runs",
        )
    ]


def _amount(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
