"""Running as a service: started, stopped, held once, paused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .shop import Shop

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as a service manager sends")


@contextmanager
def serving(shop: Shop, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A service of its own process, which has begun to serve."""
    process = subprocess.Popen(
        [sys.executable, "-m", "interlock", "serve", "--no-api", *options, "--project", shop.root],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(line)
            if "serving" in line.lower():
                break
        else:
            raise AssertionError("".join(told))
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"it ended without saying {text!r}")


def test_it_writes_and_stops_when_told(shop: Shop) -> None:
    with shop.crm() as crm:
        crm.add("customer", {"Name": "Heard of"})
    with serving(shop) as process:
        wait_for_line(process, "settle: 2 written")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Stopped." in err
    assert shop.erp_customer("Heard of")


def test_its_last_word_as_json(shop: Shop) -> None:
    with serving(shop, "--json") as process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert json.loads(out)["stopped"] is True
    assert process.returncode == 0


def test_a_second_one_on_the_same_file_is_refused(shop: Shop) -> None:
    with serving(shop) as process:
        second = shop.do("serve", "--no-api")
        # one round by hand does no harm
        assert shop.do("sync", "--once").code == 0
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert second.code == 1
    assert "is being served by another process" in second.flat


def test_a_worker_needs_postgresql(shop: Shop) -> None:
    result = shop.do("worker")
    assert result.code == 2
    assert "interlock store migrate-to" in result.flat


def test_a_paused_system_is_left_alone_by_every_command(shop: Shop) -> None:
    with shop.crm() as crm:
        crm.add("customer", {"Name": "Later"})
    paused = shop.do("pause", "erp", "--until", "2h", "--reason", "stocktaking", "--by", "anna")
    assert paused.code == 0
    assert "erp is paused until" in paused.flat
    synced = shop.do("sync", "--once")
    assert synced.code == 3
    assert "paused by anna: stocktaking" in synced.flat
    assert "interlock resume erp" in synced.flat
    status = shop.do("status", "--json").json
    assert [(p["subject"], p["by"], p["failed"]) for p in status["paused"]] == [
        ("erp", "anna", False)
    ]
    assert "paused by anna" in shop.do("status").flat
    assert shop.do("resume", "erp").code == 0
    assert shop.do("sync", "--once").code == 0
    assert shop.erp_customer("Later")


def test_pausing_what_is_not_there_says_what_is(shop: Shop) -> None:
    result = shop.do("pause", "erpp")
    assert result.code == 2
    assert "name one of crm, erp, customer" in result.flat
    assert shop.do("resume", "erp").code == 2
    assert shop.do("pause", "erp", "--until", "yesterday-ish").code == 2


def test_check_and_status_say_what_runs_when(shop: Shop) -> None:
    assert "deals every 1m" in shop.do("check").flat
    assert "works by polling" in shop.do("check").flat
    cadences = {c["name"]: c for c in shop.do("status", "--json").json["cadences"]}
    assert cadences["finance"]["when"] == "0 2 * * * (UTC)"
    assert "erp customer" in cadences["holds"]["reads"]
    assert "crm customer" in cadences["customers"]["reads"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("schedules: {deals: 1s}", "at most every 10s"),
        ("schedules: {finance: 0 25 * * *}", "five cron fields"),
        ("schedules: {time_zone: Mars/Olympus}", "time zone"),
        ("schedules: {hourly: 1h}", "hourly"),
    ],
)
def test_a_schedule_that_cannot_be_meant(shop: Shop, line: str, said: str) -> None:
    file = shop.root / "interlock.yaml"
    file.write_text(f"{file.read_text()}\n{line}\n")
    result = shop.do("status")
    assert result.code == 2
    assert said in result.flat
