"""Faults of a memory system: each on its side of the point where the system has done it."""

from __future__ import annotations

import pytest

from interlock.connectors.memory import MemorySystem
from interlock.connectors.memory.api import MemoryApi
from interlock.connectors.memory.calls import ApiError, ConnectionLost, Op
from interlock.testing.clock import VirtualClock
from interlock.testing.faults import (
    Faults,
    answer_status,
    answer_without_body,
    change_cells,
    drop_column,
    fail_before,
    lose_answer,
    refuse_inside_answer,
)

COLUMNS = ("Name", "Phone")


@pytest.fixture
def crm() -> MemorySystem:
    return MemorySystem("crm", clock=VirtualClock())


@pytest.fixture
def faults(crm: MemorySystem) -> Faults:
    crm.faults = faults = Faults(crm)
    return faults


@pytest.fixture
def api(crm: MemorySystem) -> MemoryApi:
    return MemoryApi(crm, token="memory")


def new(name: str = "A", **cells: str) -> list[Op]:
    return [Op(cells={"Name": name, **cells})]


def test_lost_answer_is_done_and_lost_request_is_not(
    crm: MemorySystem, faults: Faults, api: MemoryApi
) -> None:
    for act, made in ((lose_answer, 1), (fail_before, 1)):
        faults.arm(act)
        with pytest.raises(ConnectionLost):
            api.write("customer", COLUMNS, new())
        assert len(crm.all("customer")) == made


def test_late_finish(crm: MemorySystem, faults: Faults, api: MemoryApi) -> None:
    finish = faults.finish_late("customer")
    with pytest.raises(ConnectionLost):
        api.write("customer", COLUMNS, new())
    assert crm.all("customer") == {}
    finish()
    finish()
    assert len(crm.all("customer")) == 1


def test_faults_strike_the_calls_they_are_armed_for(faults: Faults, api: MemoryApi) -> None:
    faults.arm(answer_status(503), operation="write", entity="contact", skip=1, times=2)
    person = [Op(cells={"PersonName": {"LastName": "Ada"}})]
    outcomes = []
    for _ in range(4):
        api.write("customer", COLUMNS, new())
        try:
            outcomes.append(len(api.write("contact", (), person)))
        except ApiError as error:
            outcomes.append(error.status)
    assert outcomes == [1, 503, 503, 1]
    faults.arm(answer_status(429), times=None)
    faults.clear()
    assert api.describe("customer")


def test_the_answer_may_be_poor_or_a_refusal(
    crm: MemorySystem, faults: Faults, api: MemoryApi
) -> None:
    faults.arm(answer_without_body)
    [answer] = api.write("customer", COLUMNS, new())
    assert (answer.row, answer.refused) == (None, None)
    faults.arm(refuse_inside_answer("locked"))
    [answer] = api.write("customer", COLUMNS, new())
    assert answer.refused is not None
    assert answer.refused.code == "locked"
    assert len(crm.all("customer")) == 1


def test_the_system_may_drop_and_respell(crm: MemorySystem, faults: Faults, api: MemoryApi) -> None:
    faults.arm(drop_column("Phone"))
    [dropped] = api.write("customer", COLUMNS, new(Phone="1"))
    faults.arm(change_cells(lambda cells: {**cells, "Name": cells["Name"].upper()}))
    [respelt] = api.write("customer", COLUMNS, new("acme"))
    assert dropped.row is not None
    assert respelt.row is not None
    assert dropped.row.cells == {"Name": "A", "Phone": None}
    assert crm.all("customer")[respelt.row.id]["Name"] == "ACME"


def test_hidden_columns_are_not_shown_anywhere(
    crm: MemorySystem, faults: Faults, api: MemoryApi
) -> None:
    record_id = crm.add("customer", {"Name": "A", "Phone": "1"})
    faults.hide("customer", "Phone")
    assert "Phone" not in api.describe("customer")
    [row] = api.fetched("customer", COLUMNS, [record_id])
    assert row.cells == {"Name": "A"}
    [answer] = api.write("customer", COLUMNS, [Op(id=record_id, cells={"Name": "B"})])
    assert answer.row is not None
    assert answer.row.cells == {"Name": "B"}


def test_stale_reads_show_the_state_before(
    crm: MemorySystem, faults: Faults, api: MemoryApi
) -> None:
    record_id = crm.add("customer", {"Name": "Old"})
    faults.freeze("customer", record_id)
    crm.edit("customer", record_id, {"Name": "New"})
    [stale] = api.fetched("customer", ("Name",), [record_id])
    assert (stale.cells, stale.version) == ({"Name": "Old"}, 1)
    faults.thaw()
    [fresh] = api.fetched("customer", ("Name",), [record_id])
    assert (fresh.cells, fresh.version) == ({"Name": "New"}, 2)
