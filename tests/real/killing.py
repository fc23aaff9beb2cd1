"""The command line as processes of their own, one of which may be killed in the middle."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["finish", "run_and_kill", "run_interlock"]


def run_interlock(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "interlock", *words, "--project", str(project)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def run_and_kill(project: Path, writes: Callable[[], int], luck: random.Random) -> bool:
    """Start a sync and kill it a random moment after one of its writes went out.

    ``writes`` counts the writes that the systems have been sent so far; says whether it was hit.
    """
    wanted = writes() + luck.choice((1, 1, 2, 3))
    process = subprocess.Popen(
        [sys.executable, "-m", "interlock", "sync", "--once", "--project", str(project)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while process.poll() is None and writes() < wanted and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(luck.random() * 0.3)
    alive = process.poll() is None
    if alive:
        process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    return alive and writes() >= wanted


def finish(project: Path) -> None:
    """Sync until nothing is in doubt and one more sync writes nothing."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        result = run_interlock(project, "sync", "--once", "--json")
        if result.returncode == 0 and '"in_doubt":0' in result.stdout.replace(" ", ""):
            again = run_interlock(project, "sync", "--once", "--json")
            assert again.returncode == 0, again.stderr
            if '"created":0,"updated":0' in again.stdout.replace(" ", "").replace("\n", ""):
                return
    raise AssertionError(f"did not come to rest: {result.stdout} {result.stderr}")
