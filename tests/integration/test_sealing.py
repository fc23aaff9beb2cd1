"""The history is sealed: whatever is altered behind its back is found, and nothing else is."""

from __future__ import annotations

import shutil
from base64 import b64encode
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import delete, func, select, update

from interlock.errors import ConfigurationError
from interlock.project.load import open_project
from interlock.service import audit
from interlock.service.audit import Verified
from interlock.service.session import open_store
from interlock.store import history, sealing
from interlock.store.database import Tx
from interlock.store.history import Event
from interlock.store.tables import history as rows
from interlock.store.tables import record_key, seal

from .company import Company
from .conftest import Founding


def verified(company: Company) -> Verified:
    with company.store() as store:
        return audit.verify(company.project(), store)


def found(company: Company) -> str:
    return "; ".join(f"{f.batch}: {f.message}" for f in verified(company).verdict.findings)


async def busy(company: Company, customers: int = 3) -> Company:
    """Several batches: creates, edits, an overruled one."""
    for number in range(customers):
        company.crm.add("customer", {"Name": f"Customer {number}", "Phone": f"+49 {number}"})
    await company.go()
    await company.rest()
    first = next(iter(company.crm.all("customer")))
    company.crm.edit("customer", first, {"Phone": "+49 711"})
    await company.rest()
    return company


def ids(company: Company) -> list[int]:
    found: list[int] = company.ask(
        lambda tx: list(tx.conn.execute(select(rows.c.id).order_by(rows.c.id)).scalars())
    )
    return found


async def test_what_nobody_touched_holds(found_company: Company) -> None:
    result = verified(await busy(found_company))
    assert result.holds
    assert result.verdict.rows == len(ids(found_company)) > 5
    assert result.verdict.batches >= 2
    assert result.verdict.unsealed == 0
    assert result.published == result.head


async def test_a_create_is_one_row_and_tells_every_field(found_company: Company) -> None:
    company = await busy(found_company)
    created = [e for e in company.events("created") if e.entity == "customer"]
    assert len(created) == 3
    assert {(e.fields or {})["name"] for e in created} == {f"Customer {n}" for n in range(3)}
    assert all(e.run_id and e.map_version and e.write_id for e in created)


@pytest.mark.parametrize("column", ["why", "event", "at", "run_id"])
async def test_an_altered_value_is_found(found_company: Company, column: str) -> None:
    company = await busy(found_company)
    changed = {
        "why": {"body": msgspec.msgpack.encode(["nothing happened", None, None])},
        "event": {"event": "settled"},
        "at": {"at": company.clock() + timedelta(days=1)},
        "run_id": {"run_id": "another"},
    }[column]
    victim = ids(company)[2]

    def _alter(tx: Tx) -> None:
        tx.conn.execute(update(rows).where(rows.c.id == victim).values(**changed))

    company.ask(_alter)
    assert not verified(company).holds
    assert f"row {victim} was altered" in found(company)


async def test_an_altered_row_with_a_fitting_digest_is_found(found_company: Company) -> None:
    company = await busy(found_company)
    victim = ids(company)[2]

    def _alter(tx: Tx) -> None:
        where = rows.c.id == victim
        tx.conn.execute(update(rows).where(where).values(event="settled"))
        row = tx.conn.execute(select(rows).where(where)).one()
        digest = history.digest_of(row._asdict(), history.body_digest(row.body))
        tx.conn.execute(update(rows).where(where).values(digest=digest))

    company.ask(_alter)
    assert "not those that were sealed" in found(company)


async def test_a_deleted_row_is_found(found_company: Company) -> None:
    company = await busy(found_company)
    victim = ids(company)[2]
    company.ask(lambda tx: tx.conn.execute(delete(rows).where(rows.c.id == victim)).rowcount)
    assert "rows are missing" in found(company)


async def test_swapped_rows_are_found(found_company: Company) -> None:
    company = await busy(found_company)
    one, two = ids(company)[1:3]

    def _swap(tx: Tx) -> None:
        for old, new in ((one, -1), (two, one), (-1, two)):
            tx.conn.execute(update(rows).where(rows.c.id == old).values(id=new))

    company.ask(_swap)
    assert "not those that were sealed" in found(company)


async def test_an_emptied_row_is_no_forgotten_one(found_company: Company) -> None:
    company = await busy(found_company)
    victim = ids(company)[2]

    def _empty(tx: Tx) -> None:
        row = tx.conn.execute(select(rows).where(rows.c.id == victim)).one()
        tx.conn.execute(
            update(rows)
            .where(rows.c.id == victim)
            .values(body=None, body_digest=history.body_digest(row.body))
        )

    company.ask(_empty)
    assert "nothing tells that its record was forgotten" in found(company)


async def test_a_made_up_forgetting_does_not_excuse_it(found_company: Company) -> None:
    company = await busy(found_company)
    created = company.events("created")[0]

    def _pretend(tx: Tx) -> None:
        row = tx.conn.execute(select(rows).where(rows.c.id == created.id)).one()
        tx.conn.execute(
            update(rows)
            .where(rows.c.id == created.id)
            .values(body=None, body_digest=history.body_digest(row.body))
        )
        told = {
            "record": [created.side, created.entity, created.record_id],
            "links": [created.link_id],
            "through": 10**6,
            "proof": "0" * 64,
        }
        event = Event(at=created.at, event="forgotten", entity=created.entity, why="", new=told)
        history.add(tx, [event])

    company.ask(_pretend)
    await company.sync()
    assert "nothing tells that its record was forgotten" in found(company)


async def test_a_destroyed_key_is_found(found_company: Company) -> None:
    company = await busy(found_company)
    company.ask(lambda tx: tx.conn.execute(delete(record_key)).rowcount)
    assert "keys of" in found(company)


async def test_a_cut_tail_is_found(found_company: Company) -> None:
    company = await busy(found_company)

    def _cut(tx: Tx) -> None:
        last = tx.conn.execute(select(func.max(seal.c.sequence))).scalar_one()
        before = tx.conn.execute(
            select(seal.c.last_id).where(seal.c.sequence == last - 1)
        ).scalar_one()
        tx.conn.execute(delete(rows).where(rows.c.id > before))
        tx.conn.execute(delete(seal).where(seal.c.sequence == last))

    company.ask(_cut)
    assert "ends before the newest published seal" in found(company)
    report = await company.sync()
    assert "history" in [p.code for p in report.problems], "the next sync says so, too"
    assert not verified(company).holds, "and does not publish over it"


async def test_an_older_store_is_found_until_it_is_accepted(found: Founding) -> None:
    company = await busy(found())
    if not company.store_url.startswith("sqlite"):
        pytest.skip("a file is put back")
    company.close()
    file = company.store_url.removeprefix("sqlite:///")
    shutil.copy(file, f"{file}.old")
    company.crm.edit("customer", next(iter(company.crm.all("customer"))), {"Phone": "+1"})
    await company.rest()
    company.close()
    shutil.copy(f"{file}.old", file)
    assert not verified(company).holds
    # it goes on, and makes other history under the same numbers
    company.crm.add("customer", {"Name": "Later"})
    await company.rest()
    await company.go()
    assert not verified(company).holds
    with company.store() as store:
        audit.accept_head(company.project(), store, by="anna", now=company.clock())
    assert verified(company).holds
    assert not (await company.sync()).problems
    [accepted] = company.events("accepted")
    assert "anna" in accepted.why


async def test_a_rebuilt_chain_is_found(found_company: Company) -> None:
    company = await busy(found_company)

    def _rebuild(tx: Tx) -> None:
        victim = tx.conn.execute(select(func.min(rows.c.id))).scalar_one()
        tx.conn.execute(delete(rows).where(rows.c.id == victim))
        count = tx.conn.execute(select(func.count()).select_from(seal)).scalar_one()
        tx.conn.execute(delete(seal))
        sealing.seal_batches(tx, company.clock())
        head = sealing.newest(tx)
        assert head is not None
        for number in range(head.sequence + 1, count + 1):
            event = Event(at=company.clock(), event="alone", entity="product", why=str(number))
            history.add(tx, [event])
            sealing.seal_batches(tx, company.clock())

    company.ask(_rebuild)
    assert "not the one whose seal was published" in found(company)


async def test_a_lost_head_file_is_found(found_company: Company) -> None:
    company = await busy(found_company)
    audit.head_file(company.project()).unlink()
    assert "is gone" in found(company)


async def test_pruning_and_thinning_leave_a_chain_that_holds(found_company: Company) -> None:
    company = await busy(found_company)
    company.write("interlock.yaml", {"keep:": "  keep: 30d", "thin_after:": "  thin_after: 10d"})
    before = len(ids(company))
    company.advance(days=15)
    await company.sync()
    verdict = verified(company).verdict
    assert verdict.holds, verdict.findings
    assert verdict.thinned > 0
    assert verdict.rows < before
    assert len(company.events("created")) == 3, "what created or changed a value is kept"
    company.crm.edit("customer", next(iter(company.crm.all("customer"))), {"Phone": "+49 99"})
    await company.rest()
    company.advance(days=20)
    await company.rest()
    verdict = verified(company).verdict
    assert verdict.holds, verdict.findings
    assert verdict.pruned_through > 0
    assert not company.events("created"), "older than it is kept"
    assert company.events("written"), "this one is not"
    keys = company.ask(lambda tx: tx.conn.execute(select(func.count(record_key.c.id))).scalar_one())
    assert keys == 1, "keys end with what they were for"


async def test_unannounced_pruning_is_found(found_company: Company) -> None:
    company = await busy(found_company)

    def _drop(tx: Tx) -> None:
        first = tx.conn.execute(select(seal).order_by(seal.c.sequence).limit(1)).one()
        tx.conn.execute(delete(rows).where(rows.c.id <= first.last_id))
        tx.conn.execute(update(seal).where(seal.c.sequence == first.sequence).values(pruned=True))

    company.ask(_drop)
    assert "nothing tells that they were pruned" in found(company)


async def test_unannounced_thinning_is_found(found_company: Company) -> None:
    company = await busy(found_company)

    def _drop(tx: Tx) -> None:
        row = tx.conn.execute(select(rows).order_by(rows.c.id).limit(1)).one()
        tx.conn.execute(delete(rows).where(rows.c.id == row.id))
        kept = row.id.to_bytes(8, "big") + row.digest
        tx.conn.execute(update(seal).where(seal.c.sequence == 1).values(thinned=kept))

    company.ask(_drop)
    assert "nothing tells that they were thinned out" in found(company)


async def test_personal_values_are_not_in_clear_in_the_history(found_company: Company) -> None:
    company = found_company
    company.crm.add("customer", {"Name": "Zq9person", "Phone": "+49 Zq9phone"})
    await company.go()
    await company.rest()
    bodies = company.ask(
        lambda tx: b"".join(b for b in tx.conn.execute(select(rows.c.body)).scalars() if b)
    )
    assert b"Zq9" not in bodies
    assert "Zq9person" in repr(company.events("created")), "and readable with the key"


async def test_another_key_is_refused_and_a_missing_one_too(found_company: Company) -> None:
    company = await busy(found_company, customers=1)
    company.close()
    env = company.root / ".env"
    mine = env.read_text()
    others = [line for line in mine.splitlines() if not line.startswith("INTERLOCK_KEY")]
    other = b64encode(bytes(range(32))).decode()
    for key, told in (
        ("", "INTERLOCK_KEY is not set"),
        ("INTERLOCK_KEY=tooshort", "not a key"),
        (f"INTERLOCK_KEY='{other}'", "not the key this store was begun with"),
    ):
        env.write_text("\n".join([*others, key]))
        with pytest.raises(ConfigurationError, match=told) as caught:
            open_store(open_project(company.root, environment={}))
        assert caught.value.fix
    env.write_text(mine)
    assert verified(company).holds


@pytest.fixture
def found_company(found: Founding) -> Company:
    return found()
