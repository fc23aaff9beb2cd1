"""What a credit hold means for a customer and for a deal (rule 26).  Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

from interlock.model import Fields, Money, StageKind
from interlock.store.holds import Episode, Pause, PauseState

__all__ = [
    "PAUSE_FIELDS", "HoldRules", "Members", "Step", "by_rule", "kinds_of", "mark", "next_step",
    "pausable", "pause_step", "pausing", "remembers", "resumption", "standing",
]  # fmt: skip

PAUSE_FIELDS = ("stage", "stage_kind", "kind", "customer", "paused", "paused_stage")
"""What must be known of a deal to pause it."""


class Members(StrEnum):
    """Whose hold counts where a customer is several in the ERP."""

    ANY = "any"
    PRIMARY = "primary"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRules:
    """``release_after``: how long a hold must have been seen off before it is released.

    ``pause``: kinds of deals that are paused; ``kinds``: the CRM's own word -> kind.
    ``paused_stage``: the stage a paused deal is moved to; empty: it keeps its own.
    ``members``: whose hold counts where an account is several customers in the ERP.
    ``days_overdue`` and ``overdue``: beyond these a customer is on hold, where the ERP knows none.
    """

    release_after: timedelta = timedelta(minutes=10)
    pause: frozenset[str] = frozenset({"renewal", "upsell"})
    kinds: Mapping[str, str] = field(default_factory=dict)
    paused_stage: str = ""
    members: Members = Members.ANY
    days_overdue: int | None = None
    overdue: Money | None = None

    @property
    def computes(self) -> bool:
        """Say whether there is a rule for ERPs without a hold."""
        return self.days_overdue is not None or self.overdue is not None

    def kind(self, word: object) -> str:
        """Give the kind of a deal; without a table the CRM's own words are the kinds."""
        text = word.strip() if isinstance(word, str) else ""
        known = {k.casefold(): v for k, v in self.kinds.items()}
        return known.get(text.casefold(), text.casefold() if not known else "")


# ── the customer ─────────────────────────────────────────────────────────────────────────────


def by_rule(rules: HoldRules, *, days_overdue: object, overdue: object) -> bool | None:
    """Say whether a customer in arrears is on hold; ``None`` when that cannot be told.

    Amounts of another currency than the rule's are never compared.
    """
    parts: list[bool | None] = []
    if rules.days_overdue is not None:
        known = isinstance(days_overdue, int | Decimal)
        parts.append(days_overdue > rules.days_overdue if known else None)  # type: ignore[operator]
    if rules.overdue is not None:
        most = rules.overdue
        told = isinstance(overdue, Money) and overdue.currency == most.currency
        parts.append(overdue.amount > most.amount if told else None)  # type: ignore[attr-defined]
    if any(parts):
        return True
    return None if None in parts or not parts else False


def standing(seen: Sequence[bool | None], members: Members) -> bool | None:
    """Join what the customer's ERP members show, the primary first; ``None``: not known.

    One that is not known keeps all from being off, never from being on.
    """
    counted = seen[:1] if members is Members.PRIMARY else seen
    if any(counted):
        return True
    return None if None in counted or not counted else False


class Step(StrEnum):
    """What to do about a customer."""

    NONE = "none"
    PLACE = "place"
    NOTE_OFF = "note off"
    """It is seen off for the first time: the time until it is released begins."""
    FORGET_OFF = "forget off"
    """It is on again, or not known any more: the time begins anew."""
    READ_AGAIN = "read again"
    """It has been off for long enough: released if one more look says so."""


def next_step(
    episode: Episode | None, seen: bool | None, now: datetime, release_after: timedelta
) -> Step:
    """Decide about a customer; what is not known neither places nor releases a hold."""
    if episode is None:
        return Step.PLACE if seen is True else Step.NONE
    if seen is not False:
        return Step.FORGET_OFF if episode.off_since is not None else Step.NONE
    if episode.off_since is None:
        return Step.NOTE_OFF
    return Step.READ_AGAIN if now - episode.off_since >= release_after else Step.NONE


# ── the deal ─────────────────────────────────────────────────────────────────────────────────


def pausable(rules: HoldRules, deal: Fields) -> bool:
    """Say whether a deal is one a hold pauses: open, of such a kind, its stage known."""
    return (
        deal.get("stage_kind") == StageKind.OPEN
        and isinstance(deal.get("stage"), str)
        and "paused" in deal
        and not deal["paused"]
        and rules.kind(deal.get("kind")) in rules.pause
    )


def remembers(deal: Fields) -> str | None:
    """The stage a deal that shows our pause had before; of a copy of one, too."""
    stage = deal.get("paused_stage")
    return stage if deal.get("paused") is True and isinstance(stage, str) else None


def mark(pause: Pause) -> Fields:
    """What a paused deal shows."""
    fields: Fields = {"paused": True, "paused_stage": pause.stage}
    if pause.mark_stage != pause.stage:
        fields["stage"] = pause.mark_stage
    return fields


def pausing(pause: Pause, deal: Fields) -> Fields:
    """What is written to pause a deal: nothing once somebody has moved it."""
    if deal.get("stage_kind") != StageKind.OPEN or "paused" not in deal:
        return {}
    wanted = mark(pause)
    if deal["paused"]:
        # a write decided earlier arrived after all: only the stage to go back to is put right
        wanted.pop("stage", None)
    elif deal.get("stage") != pause.stage:
        return {}
    return {n: v for n, v in wanted.items() if n not in deal or deal[n] != v}


def pause_step(
    pause: Pause, deal: Fields | None, *, on_hold: bool, on_its_way: bool, now: datetime
) -> Pause:
    """Bring a pause up to what its deal shows.

    ``deal``: ``None`` when it is not there.  ``on_hold``: the episode has not ended.
    ``on_its_way``: a write of ours may still arrive, so that what is shown is not the last word.
    """
    state, why, stage, mark_stage = pause.state, pause.why, pause.stage, pause.mark_stage
    flagged = None if deal is None else deal.get("paused")
    if on_its_way or (deal is not None and "paused" not in deal):
        # what we wrote may not be seen yet, or cannot be seen at all
        if not on_hold and state in (PauseState.PAUSING, PauseState.PAUSED):
            state, why = PauseState.RESUMING, "the hold has ended"
    elif deal is None:
        state, why = PauseState.LEFT, "the deal is not there any more"
    elif on_hold:
        if state is PauseState.PAUSING and remembers(deal) == stage:
            state, why = PauseState.PAUSED, "the customer is on credit hold"
        elif state is PauseState.PAUSING and not flagged:
            is_open = deal.get("stage_kind") == StageKind.OPEN
            if is_open and isinstance(now_in := deal.get("stage"), str) and now_in != stage:
                # moved before we wrote anything: that is the stage to go back to
                mark_stage = now_in if mark_stage == stage else mark_stage
                stage = now_in
        elif state is PauseState.PAUSED and not flagged:
            state, why = PauseState.LEFT, "somebody took the pause off the deal"
    elif flagged:
        state, why = PauseState.RESUMING, "the hold has ended"
    else:
        was_ours = state is PauseState.RESUMING
        state = PauseState.RESUMED if was_ours else PauseState.LEFT
        why = "the hold has ended" if was_ours else "the deal does not show that it is paused"
    changed = (state, why, stage, mark_stage) != (
        pause.state, pause.why, pause.stage, pause.mark_stage,
    )  # fmt: skip
    if not changed:
        return pause
    return msgspec.structs.replace(
        pause, state=state, why=why, stage=stage, mark_stage=mark_stage, at=now
    )


def resumption(pause: Pause, deal: Fields) -> Fields:
    """What is written to take a pause back: the stage only if the deal still shows ours."""
    if deal.get("paused") is not True:
        return {}
    fields: Fields = {"paused": False, "paused_stage": None}
    moved = pause.mark_stage != pause.stage
    if moved and deal.get("stage") == pause.mark_stage:
        fields["stage"] = pause.stage
    return {n: v for n, v in fields.items() if n not in deal or deal[n] != v}


def kinds_of(words: Collection[str]) -> frozenset[str]:
    """Fold the names of kinds as they stand in a file."""
    return frozenset(w.strip().casefold() for w in words)
