"""One record a system cannot take, or will not show, is isolated; the others go on (rule 22)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from interlock.connectors.memory.connector import MemoryConnector
from interlock.errors import ConnectorError, RejectedError, TransientError, UnknownOutcomeError
from interlock.governance.rules import Side
from interlock.model import Presence
from interlock.store import observations

from .company import Company
from .conftest import Founding
from .test_edits import link

Spoil = Callable[[Callable[[Any], bool]], list[int]]


@pytest.fixture
def spoil_writes(monkeypatch: pytest.MonkeyPatch) -> Spoil:
    """Let the ERP refuse every batch with a write that is spoilt; returns the sizes of batches."""
    write = MemoryConnector.write
    sizes: list[int] = []

    def arm(spoilt: Callable[[Any], bool]) -> list[int]:
        async def _write(self: Any, entity: str, writes: Any) -> Any:
            if "order" not in self.capabilities.entities or entity != "customer":
                return await write(self, entity, writes)
            sizes.append(len(writes))
            if any(spoilt(w) for w in writes):
                raise RejectedError("one of them is not valid", code="invalid_value")
            return await write(self, entity, writes)

        monkeypatch.setattr(MemoryConnector, "write", _write)
        return sizes

    return arm


def names(company: Company) -> list[str]:
    return sorted(str(row["name"]) for row in company.erp.all("customer").values())


async def approved(company: Company, *customers: str) -> None:
    for name in customers:
        company.crm.add("customer", {"Name": name, "Website": f"{name.lower()}.example"})
    await company.plan()
    company.approve()


async def test_the_bad_record_of_a_refused_batch_is_isolated(
    company: Company, spoil_writes: Spoil
) -> None:
    sizes = spoil_writes(lambda w: w.fields.get("name") in ("C03", "C11"))
    await approved(company, *(f"C{n:02}" for n in range(16)))
    await company.sync()
    assert names(company) == [f"C{n:02}" for n in range(16) if n not in (3, 11)]
    assert {x.cause for x in company.letters()} == {"invalid_value"}
    assert len(company.letters()) == 2
    assert sizes[0] == 16
    assert len(sizes) < 2 * 2 * 5, "halves, not one by one"
    assert len(company.linked("customer")) == 14
    before = len(sizes)
    await company.rest()
    assert len(sizes) == before, "neither the good nor the bad are sent again"


async def test_all_refused_are_all_told(company: Company, spoil_writes: Spoil) -> None:
    sizes = spoil_writes(lambda _: True)
    await approved(company, *(f"C{n:02}" for n in range(8)))
    await company.sync()
    assert len(company.letters()) == 8
    assert names(company) == []
    assert len(sizes) == 15


async def test_a_system_that_goes_away_while_a_batch_is_split_costs_no_patience(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = MemoryConnector.write
    calls: list[int] = []

    async def _write(self: Any, entity: str, writes: Any) -> Any:
        calls.append(len(writes))
        if len(calls) == 1:
            raise RejectedError("one of them is not valid")
        if len(calls) == 2:
            raise TransientError("away")
        return await write(self, entity, writes)

    await approved(company, "A", "B", "C", "D")
    monkeypatch.setattr(MemoryConnector, "write", _write)
    await company.sync()
    assert calls == [4, 2], "the other half is not tried on a system that is away"
    assert company.letters() == []
    assert {(w.attempts, w.state.value) for w in company.pending()} == {(0, "ready")}
    company.advance(minutes=5)
    await company.rest()
    assert names(company) == ["A", "B", "C", "D"]


async def test_updates_are_isolated_as_well(company: Company, spoil_writes: Spoil) -> None:
    await approved(company, *(f"C{n:02}" for n in range(6)))
    await company.rest()
    spoil_writes(lambda w: w.fields.get("phone") == "2")
    for n, record_id in enumerate(sorted(company.crm.all("customer"))):
        company.crm.edit("customer", record_id, {"Phone": str(n)})
    await company.sync()
    assert len(company.letters()) == 1
    phones = sorted(str(row["tel"]) for row in company.erp.all("customer").values())
    assert phones == ["0", "1", "3", "4", "5", "None"]


@pytest.mark.parametrize("mended", ["source", "by hand", "away"])
async def test_a_dead_letter_closes_when_a_newer_state_makes_it_needless(
    company: Company, spoil_writes: Spoil, mended: str
) -> None:
    pair = await link(company)
    spoil_writes(lambda w: w.fields.get("phone") == "2")
    pair.edit_crm(Phone="2")
    await company.sync()
    assert len(company.letters()) == 1
    match mended:
        case "source":
            pair.edit_crm(Phone="3")
        case "by hand":
            pair.edit_erp(tel="2")
        case "away":
            company.crm.archive("customer", pair.crm_id)
    await company.rest()
    assert company.letters() == []
    assert company.pending() == []


# ── reading ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def spoil_fetches(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[int]]:
    """Let the ERP refuse to show one customer, and any batch with it."""
    fetch = MemoryConnector.fetch
    sizes: list[int] = []

    def arm(record_id: str) -> list[int]:
        async def _fetch(self: Any, entity: str, ids: Any) -> Any:
            if "order" in self.capabilities.entities and entity == "customer":
                sizes.append(len(ids))
                if record_id in ids:
                    raise RejectedError("internal error", code="server_error")
            return await fetch(self, entity, ids)

        monkeypatch.setattr(MemoryConnector, "fetch", _fetch)
        return sizes

    return arm


async def test_a_record_that_is_not_shown_stops_neither_the_others_nor_its_side(
    company: Company, spoil_fetches: Callable[[str], list[int]]
) -> None:
    await approved(company, *(f"C{n:02}" for n in range(8)))
    await company.rest()
    ids = sorted(company.erp.all("customer"))
    spoil_fetches(ids[2])
    company.ask(
        lambda tx: observations.mark_refetch(tx, Side.ERP, "customer", ids, company.clock())
    )
    company.crm.add("customer", {"Name": "New", "Website": "new.example"})
    report = await company.sync()
    assert {p.code for p in report.problems} == {"unshown"}
    assert any(ids[2] in p.subject for p in report.problems)
    assert "New" in names(company), "the side goes on"
    seen = company.ask(lambda tx: observations.load(tx, Side.ERP, "customer", ids))
    assert {o.presence for o in seen.values()} == {Presence.PRESENT}
    assert [i for i, o in seen.items() if o.absent_since is not None] == [], "not held to be absent"
    assert (await company.sync()).problems == (), "it is asked for again later, not at once"
    company.advance(hours=2)
    assert {p.code for p in (await company.sync()).problems} == {"unshown"}


async def test_a_write_to_a_record_that_is_not_shown_is_a_dead_letter(
    found: Founding, spoil_fetches: Callable[[str], list[int]]
) -> None:
    company = found(erp_settings={"version_check": False})
    pair = await link(company)
    spoil_fetches(pair.erp_id)
    pair.edit_crm(Phone="2")
    await company.sync()
    (letter,) = company.letters()
    assert letter.cause == "server_error"
    assert pair.erp["tel"] == "1"


@pytest.mark.parametrize(
    ("error", "code"),
    [(RejectedError("no such list"), "refused"), (UnknownOutcomeError("cut off"), "failed")],
    ids=["refused", "cut off"],
)
async def test_a_list_that_is_not_given_stops_its_side_and_is_told(
    company: Company, monkeypatch: pytest.MonkeyPatch, error: ConnectorError, code: str
) -> None:
    pair = await link(company)
    pair.edit_crm(Phone="2")
    changes = MemoryConnector.changes

    async def _changes(self: Any, entity: str, cursor: Any) -> Any:
        if "order" in self.capabilities.entities and entity == "customer":
            raise error
        return await changes(self, entity, cursor)

    with monkeypatch.context() as patched:
        patched.setattr(MemoryConnector, "changes", _changes)
        report = await company.sync()
    assert [p.code for p in report.problems] == [code]
    assert pair.erp["tel"] == "1"
    await company.rest()
    assert pair.erp["tel"] == "2"
