"""Histories in which the store goes back, is lost, or is not the only one on the two systems.

``python -m interlock.testing.simulator.timetravel --seeds 0:100``.  Histories are those of the
same seeds, with store faults in between; what needs a store that remembers is not checked.
"""

# ruff: noqa: S311  one seed must decide everything

from __future__ import annotations

import argparse
import sys
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from interlock.connectors.memory.storage import State
from interlock.governance.rules import Side
from interlock.service.plan import approve, make_plan
from interlock.store import epochs
from interlock.store.epochs import Stage
from interlock.store.mark import Position
from interlock.sync.progress import Run
from interlock.testing.simulator.checks import CHECKS, Evidence
from interlock.testing.simulator.plan import Step, make_history
from interlock.testing.simulator.run import Failure, Result
from interlock.testing.simulator.steps import take
from interlock.testing.simulator.world import NotAtRest, World

__all__ = ["SimMark", "travel"]

KEPT = (
    "observed",
    "absent_is_not_gone",
    "converged",
    "no_invented_blanks",
    "owners_are_obeyed",
    "values_have_a_source",
    "boundary_kept",
    "local_stays",
    "linked_rightly",
    "outbox_at_rest",
    "nothing_before_approval",
)
"""Checks that hold whatever the store forgot."""
_IMAGES = 40


class SimMark:
    """A mark in memory."""

    def __init__(self) -> None:
        self.position: Position | None = None

    def read(self) -> Position | None:
        """Read it."""
        return self.position

    def reach(self, position: Position) -> None:
        """Keep it, as one process does."""
        self.position = position


@dataclass
class _Journey:
    """One history with its store images and what was found wrong on the way."""

    world: World
    rng: Random
    mark: SimMark = field(default_factory=SimMark)
    images: list[bytes] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    backs: int = 0

    def __post_init__(self) -> None:
        self.empty = self.world.store_image()
        self.world.store.mark = self.mark
        self._run: Callable[..., Any] = type(self.world.store).run

    # ── the store ────────────────────────────────────────────────────────────────────────────

    def watch(self) -> None:
        """Keep images of the store as it was after some of its transactions."""
        store = self.world.store

        def run(work: Callable[..., Any], *args: Any, **kw: Any) -> Any:
            result = self._run(store, work, *args, **kw)
            if self.rng.random() < 0.03:
                self.images = [*self.images[-_IMAGES:], self.world.store_image()]
            return result

        store.run = run  # type: ignore[method-assign]

    def end(self) -> None:
        """Leave the store as others expect it."""
        del self.world.store.run
        self.world.store.mark = None

    def go_back(self) -> None:
        """Set the store to an earlier commit, or delete it, with or without its mark."""
        kind = self.rng.choice(("restored", "restored", "last commits lost", "deleted"))
        if not self.images:
            kind = "deleted"
        image = self.empty
        if kind == "restored":
            image = self.rng.choice(self.images)
        elif kind == "last commits lost":
            image = self.images[-1]
        elif self.rng.random() < 0.5:
            self.mark.position = None
        self._load(image)
        self.images = []
        self.backs += 1
        self.world.struck[f"store {kind}"] += 1
        self.world.session = self.world.start()
        self.world.say(f"the store is {kind}")

    def another_store(self) -> None:
        """Run the same project from a second host, with a store that knows nothing."""
        world, ours, mark = self.world, self.world.store_image(), self.mark
        images = self.images
        world.say("a second host starts on the same systems, with a store of its own")
        self._load(self.empty)
        world.store.mark = self.mark = SimMark()
        session, world.session = world.session, world.start()
        before = world.written()
        for _ in range(self.rng.choice((1, 2))):
            world.sync(full=self.rng.random() < 0.5)
        if world.written() != before:
            self._fail("two_stores", f"{world.written() - before} calls that nobody approved")
        self._load(ours)
        world.store.mark, self.mark, world.session = mark, mark, session
        self.images = images
        world.struck["another store"] += 1

    def _load(self, image: bytes) -> None:
        with self.world.store.engine.connect() as conn:
            conn.connection.driver_connection.deserialize(image)  # type: ignore[union-attr]

    # ── moving on ────────────────────────────────────────────────────────────────────────────

    @property
    def held(self) -> bool:
        return self.world.store.run(epochs.hold_of) is not None

    def sync(self) -> None:
        """Sync once; what was lost must be noticed, and nothing written then."""
        self.watched(self.world.sync)

    def watched(self, step: Callable[[], object]) -> None:
        """Take a step that syncs."""
        world, before = self.world, self.world.written()
        here = world.store.run(epochs.position)
        known = self.mark.position
        lost = known is not None and (
            here is None or here.store != known.store or known.is_ahead_of(here)
        )
        syncs = world.syncs
        crashes = world.struck["crash between transactions"]
        step()
        if world.syncs == syncs or world.struck["crash between transactions"] != crashes:
            return
        if lost and not self.held:
            self._fail("noticed", "the store went back and nobody noticed")
        if (lost or self.held) and world.written() != before:
            self._fail("nothing_unreleased", f"{world.written() - before} calls that write")

    def release(self) -> None:
        """A person looks at the plan and releases the store."""
        world = self.world
        for _ in range(4):
            hold = world.store.run(epochs.hold_of)
            if hold is None:
                return
            if hold.stage is Stage.APPROVAL:
                plan = _wait(make_plan(world.session, Run(id="plan"), observe=False))
                approve(world.store, plan.id, by="person", now=world.clock())
                world.say(f"a person releases the store and {plan.to_approve} writes")
                world.pass_time(150)
                return
            self.sync()
            world.pass_time(4000)
        self._fail("released", "the store could not be released")

    def rest(self) -> None:
        """Faults end; a person releases the store as often as it is held."""
        for _ in range(3):
            self.release()
            self.world.rest()
            if not self.held:
                return
        self._fail("released", "the store is held again and again")

    def _fail(self, check: str, message: str) -> None:
        self.failures.append(Failure(check, message))


def _wait(work: Any) -> Any:
    from interlock.testing.simulator.world import _loop

    return _loop().run_until_complete(work)


def travel(
    seed: int, *, only: Sequence[int] | None = None, tell: Callable[[str], None] | None = None
) -> Result:
    """Run the history of a seed with a store that goes back, and check what must hold anyway."""
    # amendments come to rest in between, where a person would release the store
    history = make_history(seed, amending=False)
    chosen = tuple(range(len(history.steps))) if only is None else tuple(only)
    result = Result(seed, chosen)
    world = World(history, tell=tell)
    journey = _Journey(world, Random(f"travel{seed}"))
    journey.watch()
    rests = [n for n, step in enumerate(history.steps) if step.kind == "rest"]
    try:
        for number in chosen:
            if tell is not None:
                tell(f"step {number}: {history.steps[number]}")
            _step(journey, history.steps[number], settled=number > rests[0])
        if not journey.backs:
            journey.go_back()
            journey.sync()
        world.store.crash_in = 0
        for system in world.systems.values():
            system.mischief.stop()
        journey.rest()
        evidence = Evidence(world)
        journey.failures += [
            Failure(name, message)
            for name, check in ((n, CHECKS[n]) for n in KEPT)
            for message in check(evidence)
        ]
        journey.failures += [Failure("created_once", m) for m in _doubled(evidence)]
        result.checks += evidence.made
    except NotAtRest as moving:
        journey.failures.append(Failure("comes_to_rest", str(moving)))
    except Exception as error:  # noqa: BLE001  whatever the engine raises is a finding
        where = traceback.extract_tb(error.__traceback__)[-1]
        if tell is not None:
            tell(traceback.format_exc())
        message = f"{type(error).__name__}: {error} ({where.name}:{where.lineno})"
        journey.failures.append(Failure("raises_nothing", message))
    finally:
        journey.end()
    result.failures = journey.failures
    result.struck, result.syncs = world.all_struck(), world.syncs
    if tell is not None:
        for failure in result.failures:
            tell(f"FAILED {failure.check}: {failure.message}")
    return result


def _step(journey: _Journey, step: Step, *, settled: bool) -> None:
    world = journey.world
    if step.kind == "rest":
        journey.release()
    journey.watched(lambda: take(world, step))
    if settled and journey.rng.random() < 0.1 and journey.backs < 3:
        journey.go_back()
    elif journey.held and journey.rng.random() < 0.15:
        journey.release()
    elif settled and journey.rng.random() < 0.08:
        journey.another_store()


def _doubled(e: Evidence) -> Iterator[str]:
    """Rules 19, 24: nothing is made from a source while what was made from it is there."""
    made: dict[tuple[Side, str, str], list[Any]] = defaultdict(list)
    for change in e.world.journal.changes:
        if change.by_program and change.before is None:
            column = "ext_ref" if change.side is Side.ERP else "InterlockRef__c"
            key = (change.side, change.entity, str(change.after.cells.get(column)))
            for earlier in made[key]:
                e.made += 1
                last = [c for c in e.by_record[change.side, change.entity, earlier.id]
                        if c.number < change.number][-1]  # fmt: skip
                if last.after.state in (State.LIVE, State.ARCHIVED):
                    yield f"{key[2]}: {earlier.id} and {change.id} are {change.side} {key[1]}"
            made[key].append(change)


def main() -> int:
    """Run a range of seeds; 1 when one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:100", metavar="START:END")
    parser.add_argument("--seed", type=int, help="one history, told in full")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        return 1 if travel(chosen.seed, tell=print).failures else 0
    start, _, end = chosen.seeds.partition(":")
    failed = 0
    for seed in range(int(start), int(end)):
        for failure in (failures := travel(seed).failures):
            sys.stdout.write(f"seed {seed}: {failure.check}: {failure.message}\n")
        failed += bool(failures)
    sys.stdout.write(f"{int(end) - int(start)} histories, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
