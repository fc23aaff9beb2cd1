"""The two real systems, started once for all tests of a session that ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.skipping import skip
from tests.real.systems.bottlecrm import BottleCrmServer, MissingPython, start_bottlecrm
from tests.real.systems.tryton import TrytonServer, start_tryton


@pytest.fixture(scope="session")
def tryton_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    """A Tryton with products and without customers."""
    server = start_tryton(tmp_path_factory.mktemp("tryton"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def bottlecrm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BottleCrmServer]:
    """An empty BottleCRM; skips without a Python new enough for it."""
    yield from _bottlecrm(tmp_path_factory.mktemp("bottlecrm"))


@pytest.fixture
def own_tryton(tmp_path: Path) -> Iterator[TrytonServer]:
    """A Tryton of one test's own: others fill the shared one."""
    server = start_tryton(tmp_path / "tryton")
    yield server
    server.stop()


@pytest.fixture
def own_bottlecrm(tmp_path: Path) -> Iterator[BottleCrmServer]:
    """A BottleCRM of one test's own: others fill the shared one."""
    yield from _bottlecrm(tmp_path / "bottlecrm")


def _bottlecrm(folder: Path) -> Iterator[BottleCrmServer]:
    try:
        server = start_bottlecrm(folder)
    except MissingPython as missing:
        skip(str(missing))
    yield server
    server.stop()
