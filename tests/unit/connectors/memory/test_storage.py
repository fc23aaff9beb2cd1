"""A company kept in a file: shared by processes, whole after every failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from interlock.connectors.memory import MemorySystem, Refused
from interlock.connectors.memory.api import MemoryApi
from interlock.connectors.memory.calls import Op
from interlock.connectors.memory.storage import RowFile
from interlock.testing.clock import VirtualClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "company.db"


def test_two_sessions_see_the_same_company(path: Path, clock: VirtualClock) -> None:
    one = MemorySystem("crm", path=path, clock=clock)
    two = MemorySystem("crm", path=path, clock=clock)
    first = one.add("customer", {"Name": "Acme"})
    assert two.get("customer", first) == one.get("customer", first)
    second = two.add("customer", {"Name": "Beta"})
    assert second != first
    two.edit("customer", first, {"Phone": "1"})
    one.edit("customer", first, {"Website": "acme.example"})
    shown = two.get("customer", first)
    assert shown is not None
    assert (shown["Phone"], shown["Website"]) == ("1", "acme.example")
    two.delete("customer", second)
    assert set(one.all("customer")) == {first}
    assert one.row("customer", first) == two.row("customer", first)
    one.close()
    two.close()


def test_another_process_sees_and_changes_it(path: Path, clock: VirtualClock) -> None:
    here = MemorySystem("erp", path=path, clock=clock)
    record_id = here.add("customer", {"name": "Zoë"})
    script = (
        "import sys; from pathlib import Path\n"
        "from interlock.connectors.memory import MemorySystem\n"
        "there = MemorySystem('erp', path=Path(sys.argv[1]))\n"
        "assert there.get('customer', sys.argv[2])['name'] == 'Zoë'\n"
        "for n in range(20): there.add('customer', {'name': f'C{n}'})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(path), record_id])
    for number in range(20):
        here.add("customer", {"name": f"H{number}"})
    assert process.wait(60) == 0
    names = [cells["name"] for cells in here.all("customer").values()]
    assert len(names) == 41
    assert set(names) == {"Zoë", *(f"C{n}" for n in range(20)), *(f"H{n}" for n in range(20))}
    here.close()


def test_a_failed_change_leaves_memory_and_file_as_they_were(
    path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = MemorySystem("crm", path=path, clock=clock)
    kept = system.add("customer", {"Name": "Kept"})
    api = MemoryApi(system, token="memory")
    save, calls = RowFile.save, []

    def fail_second(self: RowFile, rows: list[object]) -> None:
        calls.append(rows)
        if len(calls) == 2:
            raise OSError("disk full")
        save(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(RowFile, "save", fail_second)
    with pytest.raises(OSError, match="disk full"):
        api.write("customer", (), [Op(cells={"Name": "A"}), Op(cells={"Name": "B"})])
    monkeypatch.undo()
    assert set(system.all("customer")) == {kept}
    again = system.add("customer", {"Name": "C"})
    system.close()
    reopened = MemorySystem("crm", path=path, clock=clock)
    assert {key: c["Name"] for key, c in reopened.all("customer").items()} == {
        kept: "Kept", again: "C",
    }  # fmt: skip
    reopened.close()


def test_a_refusal_writes_nothing(path: Path, clock: VirtualClock) -> None:
    system = MemorySystem("crm", path=path, clock=clock)
    with pytest.raises(Refused):
        system.add("customer", {"Name": None})
    assert system.add("customer", {"Name": "A"}) == "001-0000001"
    system.close()


def test_a_file_of_the_other_side_is_not_taken(path: Path, clock: VirtualClock) -> None:
    MemorySystem("crm", path=path, clock=clock).close()
    with pytest.raises(ValueError, match="holds a company's crm"):
        MemorySystem("erp", path=path, clock=clock)


def test_columns_for_interlock_are_kept_with_the_file(path: Path, clock: VirtualClock) -> None:
    bare = MemorySystem("erp", path=path, clock=clock, provisioned=False)
    assert bare.custom_columns() == frozenset()
    bare.keep_custom_columns(frozenset({"customer.ext_ref"}))
    bare.close()
    reopened = MemorySystem("erp", path=path, clock=clock)
    assert reopened.custom_columns() == {"customer.ext_ref"}
    reopened.close()
