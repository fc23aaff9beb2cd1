"""Secrets that change, in files: durable, encrypted, one at a time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from interlock.errors import ConfigurationError, StoreError
from interlock.store.secretfile import SecretFolder
from interlock.store.vault import new_master_key


def test_what_was_saved_last_is_loaded_by_anybody_with_the_key(tmp_path: Path) -> None:
    key = new_master_key()
    folder = SecretFolder(tmp_path / "erp", key)
    assert folder.load("token") is None
    folder.save("token", "first")
    folder.save("token", "RT1-second")
    assert SecretFolder(tmp_path / "erp", key).load("token") == "RT1-second"
    assert SecretFolder(tmp_path / "erp", new_master_key()).load("token") is None


def test_nothing_readable_lies_on_the_disk(tmp_path: Path) -> None:
    folder = SecretFolder(tmp_path / "erp", new_master_key())
    folder.save("token", "RT1-second")
    files = [file for file in (tmp_path / "erp").iterdir() if file.is_file()]
    assert [file.name for file in files] == ["token"]
    assert b"second" not in files[0].read_bytes()
    assert files[0].stat().st_mode & 0o077 == 0
    assert "second" not in repr(folder)


def test_a_file_put_elsewhere_or_cut_off_is_as_good_as_none(tmp_path: Path) -> None:
    key = new_master_key()
    folder = SecretFolder(tmp_path / "erp", key)
    folder.save("token", "value")
    other = SecretFolder(tmp_path / "crm", key)
    other.save("token", "value")
    (tmp_path / "crm" / "token").write_bytes((tmp_path / "erp" / "token").read_bytes())
    assert other.load("token") is None
    (tmp_path / "erp" / "token").write_bytes(b"AAAA")
    assert folder.load("token") is None


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="INTERLOCK_KEY"):
        SecretFolder(tmp_path, "short")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "erp").write_text("a file")
    folder = SecretFolder(tmp_path / "erp", new_master_key())
    with pytest.raises(StoreError, match="cannot be used"):
        folder.save("token", "value")


async def test_one_holder_at_a_time(tmp_path: Path) -> None:
    key = new_master_key()
    one, two = (SecretFolder(tmp_path / "erp", key) for _ in range(2))
    order: list[str] = []

    async def second() -> None:
        async with two.alone("token"):
            order.append("second")

    async with one.alone("token"):
        waiting = asyncio.create_task(second())
        for _ in range(5):
            await asyncio.sleep(0)
        order.append("first")
    await waiting
    assert order == ["first", "second"]


async def test_another_process_waits_too(tmp_path: Path) -> None:
    folder = SecretFolder(tmp_path / "erp", new_master_key())
    program = (
        "import fcntl, sys\n"
        "lock = open(sys.argv[1])\n"
        "try: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError: print('taken')\n"
        "else: print('free')\n"
    )
    lock = tmp_path / "erp" / "token.lock"

    def asked() -> str:
        ran = subprocess.run(
            [sys.executable, "-c", program, str(lock)],
            capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
        return ran.stdout.strip()

    async with folder.alone("token"):
        assert asked() == "taken"
    assert asked() == "free"
