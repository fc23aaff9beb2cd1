"""The Tryton connector against a Tryton 8.2 running for real."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from interlock.connectors.base import Connector
from interlock.testing.conformance import BEHAVIOURS, Conformance
from tests.conformance.tryton_harness import TrytonHarness
from tests.real.systems.tryton import TrytonServer, start_tryton

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    """One Tryton with the relation types of contacts, for the whole module."""
    server = start_tryton(tmp_path_factory.mktemp("tryton"))
    TrytonHarness.server = server
    TrytonHarness.admin = admin = server.rpc(admin=True)
    admin.model(
        "party.relation.type", "create",
        [{"name": "Primary contact of"}, {"name": "Billing contact of"}],
    )  # fmt: skip
    TrytonHarness.user = _finance_user(server)
    yield server
    server.stop()


def _finance_user(server: TrytonServer) -> tuple[str, str]:
    """Make a user like the seeded one who may also set credit limits."""
    admin = server.rpc(admin=True)
    [seeded] = admin.model("res.user", "read", [server.ids["interlock_user"]], ["groups"])
    [group] = admin.model("res.group", "search", [["name", "=", "Account Credit Limit"]])
    login, password = "finance", secrets.token_urlsafe(12)
    [made] = admin.model("res.user", "create", [{
        "name": "Finance", "login": login, "password": password,
        "groups": [["add", [*seeded["groups"], group]]],
        "companies": [["add", [server.ids["company"]]]],
    }])  # fmt: skip
    admin.model("res.user", "write", [made], {"company": server.ids["company"]})
    return login, password


def _under_test(base: type[Conformance]) -> type[Conformance]:
    name = f"TestTryton{base.__name__.removeprefix('Base')}"
    return type(name, (base,), {"harness_class": TrytonHarness, "__module__": __name__})


for _base in BEHAVIOURS:
    _class = _under_test(_base)
    globals()[_class.__name__] = _class


@pytest_asyncio.fixture
async def harness(server: TrytonServer) -> AsyncIterator[TrytonHarness]:
    async with TrytonHarness() as harness:
        yield harness


@pytest_asyncio.fixture
async def connector(harness: TrytonHarness) -> AsyncIterator[Connector]:
    async with harness.connect() as connector:
        yield connector
