"""The two real systems, started once for all tests of a session that ask for them."""

from __future__ import annotations

from collections.abc import Iterator

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
    try:
        server = start_bottlecrm(tmp_path_factory.mktemp("bottlecrm"))
    except MissingPython as missing:
        skip(str(missing))
    yield server
    server.stop()
