"""Running a history from its seed, and shortening one that fails."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from interlock.testing.simulator.checks import CHECKS, Evidence
from interlock.testing.simulator.holds import with_holds
from interlock.testing.simulator.members import with_members
from interlock.testing.simulator.plan import History, make_history
from interlock.testing.simulator.quotes import with_quotes
from interlock.testing.simulator.steps import take
from interlock.testing.simulator.targets import with_projects
from interlock.testing.simulator.world import NotAtRest, World

__all__ = ["Failure", "Result", "shorten", "simulate", "simulate_all"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that failed, or the engine's own exception, and what was seen."""

    check: str
    message: str


@dataclass(slots=True)
class Result:
    """What one history came to."""

    seed: int
    steps: tuple[int, ...]
    failures: list[Failure] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    checks: int = 0
    syncs: int = 0
    transactions: int = 0

    @property
    def command(self) -> str:
        """How to replay it."""
        full = tuple(range(len(history_of(self.seed).steps)))
        only = "" if self.steps == full else f" --steps {','.join(map(str, self.steps))}"
        return f"python -m interlock.testing.simulator --seed {self.seed}{only} -v"


def history_of(seed: int) -> History:
    """Draw a history; in some are credit holds, moving prices, branches, or projects from deals."""
    drawn = make_history(seed)
    steps = with_quotes(seed, with_holds(seed, drawn.steps))
    steps = with_members(seed, with_projects(seed, steps))
    return msgspec.structs.replace(drawn, steps=steps)


def simulate(
    seed: int, *, only: Sequence[int] | None = None, tell: Callable[[str], None] | None = None
) -> Result:
    """Run the history of a seed, or only some of its steps, and check the contract."""
    history = history_of(seed)
    chosen = tuple(range(len(history.steps))) if only is None else tuple(only)
    result = Result(seed, chosen)
    world = World(history, tell=tell)
    if tell is not None:
        _introduce(history, tell)
    try:
        for number in chosen:
            if tell is not None:
                tell(f"step {number}: {history.steps[number]}")
            take(world, history.steps[number])
        world.rest()
        result.failures += _check(world, result)
        result.failures += _idle(world)
    except NotAtRest as moving:
        result.failures.append(Failure("comes_to_rest", str(moving)))
    except Exception as error:  # noqa: BLE001  whatever the engine raises is a finding
        where = traceback.extract_tb(error.__traceback__)[-1]
        if tell is not None:
            tell(traceback.format_exc())
        result.failures.append(
            Failure(
                "raises_nothing", f"{type(error).__name__}: {error} ({where.name}:{where.lineno})"
            )
        )
    result.struck, result.syncs = world.all_struck(), world.syncs
    result.transactions = world.store.transactions
    if tell is not None:
        for failure in result.failures:
            tell(f"FAILED {failure.check}: {failure.message}")
    return result


def simulate_all(seeds: Sequence[int]) -> list[Result]:
    """Run several histories, one after the other."""
    return [simulate(seed) for seed in seeds]


def _check(world: World, result: Result) -> list[Failure]:
    evidence = Evidence(world)
    found = [
        Failure(name, message) for name, check in CHECKS.items() for message in check(evidence)
    ]
    result.checks += evidence.made
    return found


def _idle(world: World) -> list[Failure]:
    """Idempotent: a further look at everything writes nothing."""
    before = world.written(), len(world.journal.changes)
    world.sync(full=True)
    if (world.written(), len(world.journal.changes)) != before:
        return [Failure("idempotent", "one more full sync wrote something")]
    return []


def _introduce(history: History, tell: Callable[[str], None]) -> None:
    tell(
        f"seed {history.seed}: ownership map {history.variant}, orders "
        f"{'on' if history.go_live else 'off'}"
    )
    for name, setup in (("crm", history.crm), ("erp", history.erp)):
        tell(
            f"  {name}: clock {setup.skew.total_seconds():+.0f} s, "
            + ", ".join(f"{k}={v}" for k, v in setup.settings.items())
        )


def shorten(result: Result, *, tries: int = 150) -> Result:
    """Leave out steps for as long as the same check still fails."""
    wanted = {f.check for f in result.failures}
    best, left = result, tries
    size = max(len(best.steps) // 2, 1)
    while size:
        start = 0
        while start < len(best.steps) and left:
            steps = best.steps[:start] + best.steps[start + size :]
            left -= 1
            shorter = simulate(best.seed, only=steps)
            if wanted & {f.check for f in shorter.failures}:
                best = shorter
            else:
                start += size
        size //= 2
    return best
