"""What a seed stands for: how the systems are set up, and what happens in which order."""

# ruff: noqa: S311  one seed must decide everything

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random

import msgspec

__all__ = ["NOT_YET", "History", "Setup", "Step", "make_history"]

NOT_YET: dict[str, str] = {
    "two stores": "a second store, and one set back or lost, have histories of their own "
    "(testing.simulator.timetravel); two that both were approved are not played",
    "webhooks": "events doubled, reordered or dropped: no connector receives webhooks yet (rule 6)",
    "blast limits": "histories have too few records to reach a limit (rule 14)",
}
"""Faults of the contract that are generated but left out of histories, or not there, and why."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """One system of a history: settings of its connector, and its clock's error."""

    settings: dict[str, object]
    skew: timedelta


class Step(msgspec.Struct, frozen=True):
    """One thing that happens: ``kind`` and ``name``, the rest drawn from ``seed``."""

    kind: str
    """act, fault, hold, member, project, quote, sync, workers, crash, wait, map or rest."""
    name: str
    seed: int

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a seed decides."""

    seed: int
    variant: str
    crm: Setup
    erp: Setup
    go_live: bool
    confirm: bool
    follows: bool = False
    """Whether orders follow deals that change after they were made, while they are open."""
    steps: tuple[Step, ...]


_ACTS = {
    "add_customer": 5,
    "add_twins": 1,
    "add_contact": 4,
    "add_product": 2,
    "edit": 12,
    "edit_again": 8,
    "edit_same_field": 4,
    "edit_apart": 4,
    "blank": 3,
    "edit_late": 2,
    "edit_secret": 1,
    "archive": 1,
    "unarchive": 1,
    "delete": 1,
    "merge": 1,
    "clone": 1,
    "add_deal": 6,
    "win": 4,
    "reopen": 2,
    "rewin": 2,
    "tear": 2,
    "mend": 3,
    "cancel_order": 1,
    "ship_order": 1,
    "delete_order": 1,
}
_FAULTS = {
    "lose_answer": 4,
    "fail_before": 2,
    "finish_late": 4,
    "no_body": 2,
    "drop_column": 3,
    "respell": 2,
    "lose_lines": 3,
    "edit_between": 4,
    "refuse": 2,
    "throttle": 2,
    "unavailable": 2,
    "server_error": 2,
    "lag": 9,
    "hide_column": 2,
    "show_columns": 2,
    "forbid": 1,
    "conceal": 1,
    "crash": 6,
    "lost_token": 1,
    "die_sending": 5,
    "stand_still": 4,
    "edit_meanwhile": 6,
    "resize": 2,
}
_RIVALS = 0.06
"""Histories in which another program fights for a field."""
_FOLLOWING = 0.15
"""Histories in which orders follow their deals."""
_ON_WRITES = ("lose_answer", "finish_late", "refuse", "unavailable", "edit_between", "die_sending")
_BILLED = 0.3
"""Histories in which customers are billed."""
_POPULATION = (
    "add_product",
    "add_customer",
    "add_customer",
    "add_twins",
    "add_contact",
    "add_deal",
)


_THEMES: dict[str, dict[str, int]] = {
    "everything": {},
    "orders": dict.fromkeys(
        (
            "add_deal",
            "win",
            "reopen",
            "rewin",
            "tear",
            "mend",
            "cancel_order",
            "ship_order",
            "delete_order",
            "lose_lines",
            "add_product",
        ),
        5,
    ),
    "reads": {"lag": 6, "edit_late": 5, "edit_again": 3, "hide_column": 2, "edit_meanwhile": 3},
    "writes": dict.fromkeys(
        (
            "finish_late",
            "die_sending",
            "lose_answer",
            "drop_column",
            "edit_between",
            "edit_again",
            "respell",
            "no_body",
        ),
        4,
    ),
}
"""What a history is mostly about: how much likelier some acts and faults are than usual."""


def make_history(seed: int, *, amending: bool = True) -> History:
    """Draw a history."""
    rng = Random(seed)
    steps = [_step(rng, "act", "add_product")]
    steps += [_step(rng, "act", rng.choice(_POPULATION)) for _ in range(rng.randint(2, 6))]
    steps += [_step(rng, "sync", ""), _step(rng, "rest", "")]
    faulty = rng.random() < 0.85
    theme = rng.choice(tuple(_THEMES))
    acts, faults = _themed(_ACTS, theme), _themed(_FAULTS, theme)
    for _ in range(rng.randint(8, 26)):
        roll = rng.random()
        if roll < 0.22:
            steps.append(_step(rng, "workers" if rng.random() < 0.25 else "sync", ""))
        elif roll < 0.30:
            steps.append(_step(rng, "wait", ""))
        elif roll < 0.48 and faulty:
            steps.append(_step(rng, "fault", _weighted(rng, faults)))
        else:
            steps.append(_step(rng, "act", _weighted(rng, acts)))
    steps.append(_step(rng, "sync", ""))
    _add_rival(seed, steps)
    follows = amending and _add_amendments(seed, steps)
    return History(
        seed=seed,
        variant=rng.choice(("default", "default", "strict", "erp-born")),
        crm=_setup(rng, theme),
        erp=_setup(rng, theme),
        go_live=rng.random() < 0.9,
        confirm=rng.random() < (0.3 if follows else 0.8),
        follows=follows,
        steps=_with_billing(seed, _with_map_change(seed, steps)),
    )


def _add_rival(seed: int, steps: list[Step]) -> None:
    """Let a rival appear in some histories; a draw of its own leaves the others as they are."""
    rng = Random(f"rival {seed}")
    if rng.random() < _RIVALS:
        start = next(i for i, s in enumerate(steps) if s.kind == "rest") + 1
        steps.insert(rng.randint(start, len(steps) - 1), _step(rng, "fault", "rival"))


def _add_amendments(seed: int, steps: list[Step]) -> bool:
    """Let orders follow their deals in some histories, where more deals change after they were won.

    Drawn apart, too.
    """
    rng = Random(f"follows {seed}")
    if rng.random() >= _FOLLOWING:
        return False
    # there is something to amend once what was won before has been ordered
    steps += [_step(rng, "act", "win"), _step(rng, "rest", "")]
    for name in rng.choices(("resell", "lose", "touch_order"), (5, 1, 1), k=rng.randint(2, 4)):
        if rng.random() < 0.4:
            steps.append(_step(rng, "fault", rng.choice(_ON_WRITES)))
        steps += [_step(rng, "act", name), _step(rng, "sync", "")]
    return True


def _with_map_change(seed: int, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Put a change of the map into some histories, drawn apart so that the others stay as is."""
    rng = Random(seed ^ 0x3A97)
    if rng.random() >= 0.2:
        return tuple(steps)
    begin = next(n for n, s in enumerate(steps) if s.kind == "rest") + 1
    at = rng.randint(begin, len(steps))
    return (*steps[:at], Step("map", "change and back", rng.getrandbits(32)), *steps[at:])


def _with_billing(seed: int, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Let the accountants work in some histories, drawn apart so that the others stay as is."""
    rng = Random(f"billing {seed}")
    if rng.random() >= _BILLED:
        return tuple(steps)
    billed = list(steps)
    begin = next(n for n, s in enumerate(steps) if s.kind == "rest")
    for name in ("bill", *(rng.choice(("bill", "pay", "pay")) for _ in range(rng.randint(1, 6)))):
        billed.insert(rng.randint(begin, len(billed) - 1), _step(rng, "act", name))
    return tuple(billed)


def _step(rng: Random, kind: str, name: str) -> Step:
    return Step(kind, name, rng.getrandbits(32))


def _weighted(rng: Random, weights: dict[str, int]) -> str:
    return rng.choices(tuple(weights), tuple(weights.values()))[0]


def _themed(weights: dict[str, int], theme: str) -> dict[str, int]:
    return {name: weight * _THEMES[theme].get(name, 1) for name, weight in weights.items()}


def _setup(rng: Random, theme: str) -> Setup:
    counted = 2 if theme == "reads" else 6
    versions = rng.choice(("counted",) * counted + ("seconds", "absent"))
    return Setup(
        skew=timedelta(seconds=rng.choice((0, 0, 0, -240, -2, 90))),
        settings={
            "versions": versions,
            "version_check": versions == "counted" and rng.random() < 0.7,
            "changes": rng.random() < 0.75,
            "answers_with_values": rng.random() < 0.7,
            "enforces_reference": rng.random() < 0.2,
            "page_size": rng.choice((2, 3, 200)),
            "batch_size": rng.choice((1, 2, 200)),
            "commit_delay": rng.choice((0.0, 3.0, 10.0)),
            "read_lag": rng.choice((0.0, 5.0, 30.0) if theme == "reads" else (0.0, 0.0, 5.0)),
            "settle_time": rng.choice((5.0, 30.0, 60.0)),
        },
    )
