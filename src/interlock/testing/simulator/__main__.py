"""Runs histories: ``--seeds START:END`` many, ``--seed N -v`` one, told step by step."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from multiprocessing import get_context

from interlock.testing.simulator.plan import NOT_YET
from interlock.testing.simulator.run import Result, shorten, simulate, simulate_all

CHUNK = 25


def main() -> int:
    """Run what the arguments ask for; 1 when something failed."""
    parser = argparse.ArgumentParser(
        prog="python -m interlock.testing.simulator", description=__doc__
    )
    parser.add_argument("--seed", type=int, help="one history")
    parser.add_argument("--steps", help="only these steps of it: 0,3,5")
    parser.add_argument("--seeds", help="many: START:END")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep-going", action="store_true", help="do not stop at 10 failures")
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return _one(arguments)
    start, _, end = (arguments.seeds or "0:1000").partition(":")
    return _many(range(int(start), int(end)), arguments.jobs, keep_going=arguments.keep_going)


def _one(arguments: argparse.Namespace) -> int:
    only = None if arguments.steps is None else [int(n) for n in arguments.steps.split(",") if n]
    result = simulate(arguments.seed, only=only, tell=print if arguments.verbose else None)
    for failure in result.failures:
        print(f"FAILED {failure.check}: {failure.message}")
    print("failed" if result.failures else "ok")
    return int(bool(result.failures))


def _many(seeds: range, jobs: int, *, keep_going: bool) -> int:
    began = time.monotonic()
    struck: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    failed: list[Result] = []
    for result in _results(seeds, jobs):
        totals.update(
            histories=1,
            steps=len(result.steps),
            syncs=result.syncs,
            transactions=result.transactions,
            checks=result.checks,
        )
        struck.update(result.struck)
        if result.failures:
            failed.append(result)
            first = result.failures[0]
            print(f"seed {result.seed} fails {first.check}: {first.message}", flush=True)
            if len(failed) >= 10 and not keep_going:
                break
    for result in failed[:10]:
        _show(shorten(result))
    seconds = time.monotonic() - began
    print(
        f"\n{totals['histories']:,} histories, {totals['steps']:,} steps, "
        f"{totals['syncs']:,} syncs, {totals['transactions']:,} transactions, "
        f"{totals['checks']:,} comparisons, {seconds:.0f} s "
        f"({totals['histories'] / seconds:.1f} a second)"
    )
    print("faults: " + ", ".join(f"{kind} {n:,}" for kind, n in struck.most_common()))
    print("not yet: " + "; ".join(NOT_YET))
    by_check = Counter(f.check for r in failed for f in r.failures[:1])
    print(f"{len(failed)} failed" + "".join(f", {c} {n}" for c, n in by_check.most_common()))
    if failed:
        print("seeds: " + " ".join(str(r.seed) for r in failed[:40]))
    return int(bool(failed))


def _show(result: Result) -> None:
    print(f"\nseed {result.seed} fails:")
    for failure in result.failures[:5]:
        print(f"  {failure.check}: {failure.message}")
    simulate(result.seed, only=result.steps, tell=print)
    print(f"replay: {result.command}")


def _results(seeds: range, jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(simulate, seeds)
        return
    with get_context("spawn").Pool(jobs) as pool:
        chunks: Iterable[list[Result]] = pool.imap_unordered(
            simulate_all, [seeds[i : i + CHUNK] for i in range(0, len(seeds), CHUNK)]
        )
        for chunk in chunks:
            yield from chunk


if __name__ == "__main__":
    sys.exit(main())
