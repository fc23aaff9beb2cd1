"""A changed map (rule 15): what it concerns waits for a plan, everything else runs on."""

from __future__ import annotations

import msgspec
import pytest

from interlock.store import maps, sealing
from interlock.store.tables import (
    case,
    dead_letter,
    history,
    member,
    outbox,
    plan,
    record,
    suggestion,
)
from interlock.testing.faults import answer_status, refuse_inside_answer

from .company import Company
from .conftest import Founding
from .test_edits import Linked, link

OTHER_OWNER = {"website": "{owner: erp}"}


def map_file(company: Company, side: str, text: str) -> None:
    (company.root / "mappings" / f"{side}.yaml").write_text(f"schema_version: 1\n{text}\n")


@pytest.fixture
async def pair(company: Company) -> Linked:
    return await link(company)


async def disagree(pair: Linked) -> None:
    """An edit by the side that does not own the field, left standing by `flag`."""
    pair.company.own("customer", {"website": "{owner: crm, on_foreign_edit: flag}"})
    await pair.company.go()
    pair.edit_erp(web="acme.org")
    await pair.company.rest()
    assert pair.company.open_fields() == {"website": "flagged"}


async def test_a_change_of_owner_writes_nothing_without_an_approved_plan(pair: Linked) -> None:
    company = pair.company
    await disagree(pair)
    before = pair.written()
    company.own("customer", OTHER_OWNER)

    for _ in range(3):
        await company.sync()
        company.advance(minutes=5)

    assert pair.written() == before
    [write] = (await company.plan()).writes
    assert write.needs_approval
    assert [(f.field, f.old, f.new) for f in write.fields] == [("website", "acme.com", "acme.org")]
    company.approve()
    await company.rest()
    assert pair.crm["Website"] == "acme.org"


async def test_records_created_by_the_engine_wait_too(company: Company) -> None:
    """Their links came from a create, not from matching: no write of theirs needs an approval."""
    acme = company.crm.add("customer", {"Name": "Acme", "Website": "acme.com"})
    company.own("customer", {"website": "{owner: crm, on_foreign_edit: flag}"})
    await company.go()
    await company.rest()
    [born] = company.erp.all("customer")
    company.erp.edit("customer", born, {"web": "acme.org"})
    await company.rest()
    company.own("customer", OTHER_OWNER)

    await company.sync()
    await company.sync()

    assert company.crm.all("customer")[acme]["Website"] == "acme.com"
    assert [w.needs_approval for w in company.pending()] == [True]


async def test_a_newly_mapped_field_waits_for_the_plan(company: Company) -> None:
    company.own("customer", {"website": "{owner: local}"})
    pair = await link(company)
    pair.edit_erp(web="acme.org")
    await company.rest()
    company.own("customer", {"website": "{owner: crm}"})

    await company.sync()
    await company.sync()

    assert pair.erp["web"] == "acme.org"
    await company.go()
    assert pair.erp["web"] == "acme.com"


class TestWhatIsNotConcerned:
    async def test_other_fields_keep_their_base_and_run_on(self, pair: Linked) -> None:
        company = pair.company
        company.own("customer", OTHER_OWNER)
        pair.edit_crm(Phone="2")
        await company.sync()
        assert pair.erp["tel"] == "2"
        pair.edit_erp(tel="3")
        await company.sync()
        assert pair.crm["Phone"] == "3"
        assert company.pending() == []

    async def test_an_edit_is_not_held_with_what_waits_for_the_plan(self, pair: Linked) -> None:
        company = pair.company
        await disagree(pair)
        company.own("customer", OTHER_OWNER)
        pair.edit_crm(Phone="2")

        await company.sync()

        assert pair.erp["tel"] == "2"
        assert pair.crm["Website"] == "acme.com"
        [waiting] = company.pending()
        assert (set(waiting.fields), waiting.needs_approval) == ({"website"}, True)
        await company.go()
        assert pair.crm["Website"] == "acme.org"

    async def test_a_conflict_elsewhere_stays_open(self, found: Founding) -> None:
        company = found()
        company.own("customer", {"phone": "{owner: shared, first_link: crm}"})
        pair = await link(company)
        pair.edit_crm(Phone="2")
        pair.edit_erp(tel="3")
        await company.sync()
        assert company.open_fields() == {"phone": "conflict"}
        company.own("customer", OTHER_OWNER)
        await company.go()
        assert company.open_fields() == {"phone": "conflict"}
        assert (pair.crm["Phone"], pair.erp["tel"]) == ("2", "3")

    async def test_an_equal_field_settles_without_a_write_and_travels_again(
        self, pair: Linked
    ) -> None:
        company = pair.company
        before = pair.written()
        company.own("customer", OTHER_OWNER)
        await company.sync()
        assert pair.written() == before
        pair.edit_erp(web="acme.org")
        await company.sync()
        assert pair.crm["Website"] == "acme.org", "the base is there again: no approval is needed"


class TestValueMaps:
    GOOD = """
customer:
  fields:
    payment_terms:
      path: PaymentTerms
      values: {"Net 30": "net 30", "Net 60": "net 60"}
"""
    BAD = GOOD.replace('"Net 30": "net 30", "Net 60": "net 60"',
                       '"Net 30": "net 60", "Net 60": "net 30"')  # fmt: skip

    async def many(self, company: Company, count: int = 30) -> None:
        map_file(company, "crm", self.GOOD)
        for n in range(count):
            company.crm.add("customer", {"Name": f"Kestrel {n:02d} Ltd", "PaymentTerms": "Net 30"})
        company.own("customer", {"payment_terms": "{owner: crm}"})
        await company.go()
        await company.rest()

    async def test_a_bad_value_map_is_a_mass_change_in_the_plan_and_nothing_else(
        self, company: Company
    ) -> None:
        await self.many(company)
        terms = {row["terms"] for row in company.erp.all("customer").values()}
        map_file(company, "crm", self.BAD)

        await company.sync()
        await company.sync()

        assert {row["terms"] for row in company.erp.all("customer").values()} == terms
        plan = await company.plan()
        assert plan.to_approve == 30
        assert {f.field for w in plan.writes for f in w.fields} == {"payment_terms"}

    async def test_going_back_before_approving_ends_without_a_write(self, company: Company) -> None:
        await self.many(company, 5)
        before = company.erp.written["customer"] + company.crm.written["customer"]
        map_file(company, "crm", self.BAD)
        await company.sync()
        assert len(company.pending()) == 5

        map_file(company, "crm", self.GOOD)
        await company.sync()

        assert company.pending() == []
        assert (await company.plan()).writes == () or (await company.plan()).writes == []
        assert company.erp.written["customer"] + company.crm.written["customer"] == before

    async def test_an_old_look_says_nothing_under_the_new_map(self, company: Company) -> None:
        """The CRM cannot be read after the change: its old values are no decision's ground."""
        await self.many(company, 3)
        map_file(company, "crm", self.BAD)
        company.crm_faults.arm(answer_status(503), operation=None, times=None)
        await company.sync()
        assert company.pending() == []


async def test_going_back_leaves_what_was_left_standing(pair: Linked) -> None:
    """A flagged difference stands again as it stood: no plan has anything to approve."""
    company = pair.company
    await disagree(pair)
    company.own("customer", OTHER_OWNER)
    await company.sync()
    assert len(company.pending()) == 1
    company.own("customer", {"website": "{owner: crm, on_foreign_edit: flag}"})

    plan = await company.plan()

    assert list(plan.writes) == []
    assert (pair.crm["Website"], pair.erp["web"]) == ("acme.com", "acme.org")


async def test_what_could_not_be_read_at_the_change_is_decided_on_when_it_can(
    found: Founding,
) -> None:
    """The CRM shows the very same afterwards, and yet it says something only now."""
    company = found()
    company.own("customer", {"website": "{owner: crm}"})
    pair = await link(company)
    pair.edit_crm(Website="acme.net")
    company.own("customer", OTHER_OWNER)
    await company.sync()
    company.own("customer", {"website": "{owner: crm}"})
    company.crm_faults.arm(answer_status(401), operation=None, times=None)
    await company.sync()
    company.crm_faults.clear()
    await company.rest()
    await company.plan()
    company.approve()
    await company.rest()
    assert pair.erp["web"] == "acme.net"


async def test_what_waited_undelivered_is_another_decision_under_another_map(pair: Linked) -> None:
    """The ERP is down, the map changes, and decides the very same: still by an approved plan."""
    company = pair.company
    company.erp_faults.arm(answer_status(503), operation="write", times=None)
    pair.edit_crm(Phone="2")
    await company.sync()
    assert [w.needs_approval for w in company.pending()] == [False]
    company.own("customer", {"phone": "{owner: crm}"})
    company.erp_faults.clear()
    company.advance(hours=1)
    await company.sync()
    assert pair.erp["tel"] == "1"
    await company.plan()
    company.approve()
    await company.rest()
    assert pair.erp["tel"] == "2"


async def test_what_was_approved_for_a_map_is_not_for_the_next(pair: Linked) -> None:
    company = pair.company
    await disagree(pair)
    company.own("customer", OTHER_OWNER)
    await company.plan()
    company.approve()
    company.own("customer", {"website": "{owner: crm, on_foreign_edit: flag}"})
    await company.sync()
    company.own("customer", OTHER_OWNER)
    before = pair.written()

    await company.sync()
    await company.sync()

    assert pair.written() == before


async def test_records_of_before_are_not_created_because_creating_was_switched_on(
    company: Company,
) -> None:
    company.own("customer", {"create": "none", "payment_terms": "{owner: erp}",
                             "credit_limit": "{owner: erp}"})  # fmt: skip
    await company.go()
    for n in range(3):
        company.crm.add("customer", {"Name": f"Kestrel {n}"})
    await company.sync()
    company.own("customer", {"create": "crm"})

    await company.sync()
    await company.sync()

    assert company.erp.all("customer") == {}
    company.crm.add("customer", {"Name": "Born later"})
    await company.sync()
    assert [c["name"] for c in company.erp.all("customer").values()] == ["Born later"]
    await company.go()
    assert len(company.erp.all("customer")) == 4


async def test_a_custom_field_of_another_type_is_read_anew(company: Company) -> None:
    """What is stored no longer fits the type: it counts as never seen."""

    def declare(kind: str) -> None:
        for side, path in (("crm", "Email"), ("erp", "mail")):
            map_file(company, side, "customer:\n  fields:\n    custom.x: "
                     f"{{path: {path}, type: {kind}}}")  # fmt: skip

    company.own("customer", {"website": "crm\n    custom.x: crm"})
    declare("text")
    company.crm.add("customer", {"Name": "Acme", "Email": "none"})
    await company.go()
    declare("number")
    company.close()

    report = await company.sync()

    assert [p.code for p in report.problems] != []
    assert company.pending() == []


SECRET = "only-for-sales@acme.example"


class TestNever:
    """What is put behind the boundary leaves the store before anything else happens."""

    @pytest.fixture
    async def barred(self, company: Company) -> Company:
        pair = await link(company)
        pair.edit_crm(Email=SECRET)
        await company.rest()
        # one write that waits, one that was refused
        company.erp_faults.arm(refuse_inside_answer(), operation="write", times=None)
        pair.edit_crm(Email=f"2-{SECRET}")
        await company.sync()
        assert len(company.letters()) == 1
        company.crm.add("customer", {"Name": "Acme Two", "Email": f"3-{SECRET}"})
        await company.plan()
        assert _holding(company, SECRET) >= {"record", "member", "outbox", "dead_letter"}
        assert _told(company, SECRET), "readable with the record's key"
        return company

    async def test_nothing_of_it_is_left_anywhere(self, barred: Company) -> None:
        company = barred
        file = company.root / "ownership.yaml"
        lines = [
            line for line in file.read_text().splitlines() if not line.strip().startswith("email:")
        ]
        text = "\n".join(lines) + "\n"
        barring = "boundary:\n  never:\n    crm: [customer.email, contact.email]\n"
        file.write_text(text.partition("\nboundary:")[0] + "\n" + barring)

        await company.plan()

        assert _holding(company, SECRET) == set()
        assert not _told(company, SECRET)
        verdict = company.ask(sealing.verify)
        assert verdict.findings == []
        assert verdict.erased > 0, "what was erased for the boundary is accounted for"
        company.erp_faults.clear()
        await company.go()
        await company.rest()
        assert _holding(company, SECRET) == set()


def _holding(company: Company, text: str) -> set[str]:
    """Tables in which a text stands in any column."""
    found = set()
    for table in (record, member, outbox, dead_letter, history, case, suggestion, plan):
        for row in company.ask(lambda tx, t=table: tx.conn.execute(t.select()).all()):
            if any(text.encode() in (v if isinstance(v, bytes) else str(v).encode()) for v in row):
                found.add(table.name)
    return found


def _told(company: Company, text: str) -> bool:
    """Whether any event, read with its key, has a text."""
    return any(text in str(msgspec.to_builtins(event)) for event in company.events())


async def test_every_map_that_was_active_is_kept_with_its_text(pair: Linked) -> None:
    company = pair.company
    first = company.project().map_version
    company.own("customer", OTHER_OWNER)
    await company.sync()
    second = company.project().map_version

    known = company.ask(maps.all_versions)

    assert [m.version for m in known] == [second, first]
    assert "website: {owner: erp}" in known[0].texts["ownership.yaml"]
    assert known[0].changed(known[1]) == ["customer.website"]
    assert company.ask(lambda tx: maps.previous(tx, second)).version == first


async def test_an_entity_that_is_synced_no_more_is_left_as_it_is(company: Company) -> None:
    account = company.crm.add("customer", {"Name": "Acme"})
    person = company.crm.add(
        "contact", {"AccountId": account, "PersonName": {"FirstName": "Jo", "LastName": "Doe"}}
    )
    await company.go()
    await company.rest()
    file = company.root / "ownership.yaml"
    kept, here = [], ""
    for line in file.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            here = line.partition(":")[0]
        if here != "contact":
            kept.append(line)
    file.write_text("\n".join(kept) + "\n")
    before = company.erp.all("contact")

    company.crm.edit("contact", person, {"PersonName": {"FirstName": "Jo", "LastName": "Roe"}})
    company.crm.edit("customer", account, {"Phone": "2"})
    await company.go()
    await company.rest()

    assert company.erp.all("contact") == before
    assert [c["tel"] for c in company.erp.all("customer").values()] == ["2"]
    assert company.pending() == []
