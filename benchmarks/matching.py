"""Measure what matching costs: two lists of one size, and one new record against a list.

Usage: python benchmarks/matching.py 100000 [1000000 ...] [--folder DIR] [--records 2000]
Lists come from matching_generator.py.  Prints one JSON document: processor seconds and peak
memory of ``interlock match files`` as its own process, precision and recall of its links, and
milliseconds to look up one record.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import matching_generator as generator

from interlock.matching.register import Register
from interlock.matching.score import default_weights
from interlock.matching.table import Company
from interlock.service.companies import read_companies


def files(folder: Path) -> dict[str, float]:
    """Run the command on a folder's lists."""
    out = folder / "scored.csv"
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "interlock", "match", "files", str(folder / "left.csv"),
         str(folder / "right.csv"), "--out", str(out), "--json"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):
        raise SystemExit(f"interlock match files ended with {process.returncode}")
    with (folder / "gold.csv").open(newline="") as file:
        gold = {(row["left_id"], row["right_id"]) for row in csv.DictReader(file)}
    with out.open(newline="") as file:
        links = {(row["left_id"], row["right_id"]) for row in csv.DictReader(file)
                 if row["band"] == "link"}  # fmt: skip
    return {
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "seconds": round(time.perf_counter() - began, 1),
        "peak_gib": round(usage.ru_maxrss / 2**20, 2),
        "link_precision": round(len(links & gold) / max(len(links), 1), 5),
        "link_recall": round(len(links & gold) / max(len(gold), 1), 5),
    }


def one_record(folder: Path, records: int) -> dict[str, float]:
    """Look up records of the left list in the right one, one by one."""
    register = Register.of(read_companies(folder / "right.csv"))
    weights = default_weights()
    with (folder / "left.csv").open(newline="") as file:
        asked = [Company(**row) for row in islice(csv.DictReader(file), records)]
    wall, cpu = [], []
    for company in asked:
        began, used = time.perf_counter(), time.thread_time()
        register.find(company, weights)
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.thread_time() - used))

    def at(values: list[float], share: float) -> float:
        return round(sorted(values)[int(len(values) * share)], 2)

    return {
        "records": len(asked),
        "p50_ms": at(wall, 0.5),
        "p95_ms": at(wall, 0.95),
        "p99_ms": at(wall, 0.99),
        "p95_cpu_ms": at(cpu, 0.95),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    base = options.folder or Path(tempfile.mkdtemp(prefix="interlock-matching-"))
    runs: dict[str, object] = {}
    for size in options.sizes:
        folder = base / str(size)
        if not (folder / "gold.csv").exists():
            generator.write(size, folder, options.seed)
        runs[str(size)] = {
            "files": files(folder),
            "one_record": one_record(folder, options.records),
        }
    machine = {"python": platform.python_version(), "processors": os.cpu_count()}
    print(json.dumps({**machine, "runs": runs}, indent=2))


if __name__ == "__main__":
    main()
