"""What a person decides on fields that differ, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from interlock.connectors.memory.objects import CRM_MAPS, ERP_MAPS
from interlock.errors import ConfigurationError
from interlock.governance.resolution import Choice
from interlock.model import Address
from interlock.service.conflicts import (
    Answer,
    Conflict,
    ConflictStory,
    Filters,
    Settled,
    list_conflicts,
    resolve_conflicts,
    show_conflict,
)
from interlock.testing.faults import answer_status, drop_column, fail_before, lose_answer

from .company import Company
from .conftest import Founding

TAXES = ("DE136695909", "DE136695917", "DE136695925", "DE136695933", "DE136695941")
MANUAL = "{owner: shared, conflict: manual, first_link: crm}"
HOME = Address(street="A 1", city="Bonn", postcode="53111", country="DE")
OFFICE = Address(street="B 2", city="Köln", postcode="50667", country="DE")


@dataclass
class Office:
    """A company whose customers are linked, and the person who decides."""

    company: Company
    pairs: list[tuple[str, str]]

    def crm(self, at: int = 0) -> dict[str, Any]:
        return self.company.crm.all("customer")[self.pairs[at][0]]

    def erp(self, at: int = 0) -> dict[str, Any]:
        return self.company.erp.all("customer")[self.pairs[at][1]]

    def edit_crm(self, at: int = 0, **cells: Any) -> None:
        self.company.crm.edit("customer", self.pairs[at][0], cells)

    def edit_erp(self, at: int = 0, **cells: Any) -> None:
        self.company.erp.edit("customer", self.pairs[at][1], cells)

    async def disagree(self, at: int = 0, crm: str = "2", erp: str = "3") -> str:
        """Both sides change the phone; returns the conflict's id."""
        self.edit_crm(at, Phone=crm)
        self.edit_erp(at, tel=erp)
        await self.company.sync()
        found = [c for c in self.list() if c.field == "phone"]
        return next(c.id for c in found if c.records["crm"] == self.pairs[at][0])

    def list(self, *, kept: bool = False, **filters: Any) -> list[Conflict]:
        with self.company.store() as store:
            return list_conflicts(self.company.project(), store, Filters(**filters), kept=kept)

    def show(self, conflict: str) -> ConflictStory:
        with self.company.store() as store:
            return show_conflict(self.company.project(), store, conflict)

    def resolve(
        self,
        chosen: str | Filters,
        choice: str,
        *typed: str,
        seen: dict[str, str] | None = None,
        dry_run: bool = False,
    ) -> Settled:
        ids: Sequence[str] | Filters = [chosen] if isinstance(chosen, str) else chosen
        with self.company.store() as store:
            return resolve_conflicts(
                self.company.project(), store, ids, Answer(choice=Choice(choice), typed=typed),
                by="Kim", reason="asked them", now=self.company.clock(), seen=seen,
                dry_run=dry_run,
            )  # fmt: skip

    @property
    def phones(self) -> tuple[str | None, str | None]:
        return self.crm()["Phone"], self.erp()["tel"]

    def written(self) -> int:
        return self.company.crm.written["customer"] + self.company.erp.written["customer"]


async def open_office(company: Company, rules: dict[str, str], count: int = 1) -> Office:
    company.own("customer", rules)
    pairs = []
    for n in range(count):
        crm = company.crm.add("customer", {
            "Name": f"Acme {n}", "Phone": "1", "Website": f"acme{n}.com",
            "Email": f"office@acme{n}.com", "VatNumber": TAXES[n],
        })  # fmt: skip
        erp = company.erp.add("customer", {
            "name": f"Acme {n}", "tel": "1", "web": f"acme{n}.com",
            "mail": f"office@acme{n}.com", "vat_no": TAXES[n],
        })  # fmt: skip
        pairs.append((crm, erp))
    await company.go()
    await company.rest()
    assert company.linked("customer") == dict(pairs)
    return Office(company, pairs)


@pytest.fixture
async def office(company: Company) -> Office:
    return await open_office(company, {"phone": MANUAL})


# ── whose value ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("choice", "value"), [("crm", "2"), ("erp", "3")])
async def test_one_sides_value_goes_to_the_other(office: Office, choice: str, value: str) -> None:
    conflict = await office.disagree()
    before = office.written()
    office.resolve(conflict, choice)
    assert [c.state for c in office.list()] == ["decided"]
    await office.company.rest()
    assert office.phones == (value, value)
    assert office.written() == before + 1
    assert office.list() == []
    assert office.company.open_fields() == {}
    names = [e.event for e in office.company.events() if e.field == "phone"]
    assert names[-4:] == ["opened", "decided", "overruled", "resolved"]
    (told,) = office.company.events("overruled")
    assert told.why == "decided by Kim: asked them"


async def test_a_typed_value_goes_to_both(office: Office) -> None:
    conflict = await office.disagree()
    office.resolve(conflict, "value", "+49 30 4")
    await office.company.rest()
    assert office.phones == ("+49 30 4", "+49 30 4")
    assert office.company.open_fields() == {}
    lost = {(e.side, e.old) for e in office.company.events("overruled")}
    assert lost == {("crm", "2"), ("erp", "3")}
    office.edit_crm(Phone="5")
    await office.company.rest()
    assert office.phones == ("5", "5"), "and from then on it is a field like any other"


async def test_a_typed_value_that_one_side_shows_is_written_to_the_other(office: Office) -> None:
    conflict = await office.disagree()
    before = office.written()
    office.resolve(conflict, "value", "3")
    await office.company.rest()
    assert office.phones == ("3", "3")
    assert office.written() == before + 1


@pytest.mark.parametrize(
    "fault", [lose_answer, fail_before, answer_status(503), answer_status(429, retry_after=5)]
)
@pytest.mark.parametrize("side", ["crm", "erp"])
async def test_it_is_done_although_calls_fail(office: Office, fault: Any, side: str) -> None:
    conflict = await office.disagree()
    office.resolve(conflict, "value", "4")
    faults = office.company.crm_faults if side == "crm" else office.company.erp_faults
    faults.arm(fault, operation="write", entity="customer")
    for _ in range(4):
        await office.company.sync()
        office.company.advance(minutes=2)
    assert office.phones == ("4", "4")
    assert office.company.open_fields() == {}
    assert office.list() == []


async def test_it_outlives_the_process(office: Office) -> None:
    conflict = await office.disagree()
    office.resolve(conflict, "erp")
    office.company.close()
    office.company.advance(days=100)
    await office.company.rest()
    assert office.phones == ("3", "3")


@pytest.mark.parametrize("respell", [True, False])
async def test_a_value_the_system_bends_is_respelt_or_shown(office: Office, respell: bool) -> None:
    from interlock.testing.faults import change_cells

    conflict = await office.disagree()
    office.resolve(conflict, "value", "a-1")
    office.company.erp_faults.arm(
        change_cells(lambda c: {k: ("A 1" if respell else "9") if k == "tel" else v
                                for k, v in c.items()}),
        operation="write", entity="customer", times=None,
    )  # fmt: skip
    before = office.company.erp.written["customer"]
    for _ in range(3):
        await office.company.sync(full=True)
        office.company.advance(minutes=1)
    assert office.company.erp.written["customer"] == before + 1, "it is not fought"
    assert office.company.open_fields() == ({} if respell else {"phone": "not taken"})


async def test_a_silent_drop_is_shown_and_not_repeated(office: Office) -> None:
    conflict = await office.disagree()
    office.company.erp_faults.arm(drop_column("tel"), operation="write", times=None)
    office.resolve(conflict, "crm")
    for _ in range(3):
        await office.company.sync(full=True)
        office.company.advance(minutes=1)
    assert office.phones == ("2", "3")
    assert office.company.open_fields() == {"phone": "not taken"}
    office.company.erp_faults.clear()
    office.resolve(office.list()[0].id, "crm")
    await office.company.rest()
    assert office.phones == ("2", "2"), "a person may try again"


# ── a side moved ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("side", ["crm", "erp"])
@pytest.mark.parametrize("choice", ["crm", "erp", "value"])
async def test_a_decision_on_what_has_moved_since_is_asked_again(
    office: Office, side: str, choice: str
) -> None:
    conflict = await office.disagree()
    office.resolve(conflict, choice, *(["4"] if choice == "value" else []))
    if side == "crm":
        office.edit_crm(Phone="7")
    else:
        office.edit_erp(tel="7")
    before, now = office.written(), office.phones
    await office.company.rest()
    assert office.phones == now
    assert office.written() == before
    (again,) = office.list()
    assert again.kind == "conflict"
    assert f"the {side.upper()} shows another value since" in again.why
    assert again.decided is not None
    assert not again.decided.valid
    assert len(office.company.events("asked again")) == 1
    office.resolve(again.id, "crm")
    await office.company.rest()
    assert office.phones == (now[0], now[0])
    assert office.company.open_fields() == {}


async def test_a_side_that_moves_back_is_asked_again_too(office: Office) -> None:
    conflict = await office.disagree()
    office.resolve(conflict, "crm")
    office.edit_erp(tel="1")
    await office.company.rest()
    assert office.phones == ("2", "1")
    assert office.company.open_fields() == {"phone": "conflict"}


async def test_a_side_that_moves_between_the_two_writes_is_asked_again(office: Office) -> None:
    """The value that was typed stands on one side only: neither simply wins."""
    conflict = await office.disagree()
    office.resolve(conflict, "value", "4")
    office.company.erp_faults.arm(answer_status(503), operation="write", times=1)
    await office.company.sync()
    assert office.phones == ("4", "3")
    office.edit_erp(tel="7")
    office.company.advance(minutes=5)
    await office.company.rest()
    assert office.phones == ("4", "7")
    (again,) = office.list()
    assert again.kind == "conflict"
    assert "decide again" in again.why
    office.resolve(again.id, "erp")
    await office.company.rest()
    assert office.phones == ("7", "7")


async def test_an_edit_just_before_our_write_is_seen(office: Office) -> None:
    conflict = await office.disagree()
    office.resolve(conflict, "crm")
    await office.company.plan()  # decided, not sent
    office.edit_erp(tel="7")
    office.company.erp_faults.arm(lambda _c, _do: [], operation="changed", times=None)
    await office.company.sync()
    office.company.erp_faults.clear()
    await office.company.rest()
    assert office.phones == ("2", "7")
    assert "decide again" in office.list()[0].why


async def test_both_sides_made_the_same_by_hand_ends_it(office: Office) -> None:
    conflict = await office.disagree()
    office.resolve(conflict, "erp")
    office.edit_crm(Phone="7")
    office.edit_erp(tel="7")
    await office.company.rest()
    assert office.phones == ("7", "7")
    assert office.list() == []


async def test_one_decided_in_vain_ends_when_both_are_made_the_same(office: Office) -> None:
    conflict = await office.disagree()
    office.resolve(conflict, "crm")
    office.edit_erp(tel="7")
    await office.company.rest()
    (again,) = office.list()
    assert again.decided is not None
    assert not again.decided.valid
    office.edit_crm(Phone="7")
    await office.company.rest()
    assert office.phones == ("7", "7")
    assert office.list() == []
    assert office.company.events("resolved") == []


async def test_a_field_that_cannot_be_read_keeps_its_decision(office: Office) -> None:
    conflict = await office.disagree()
    office.resolve(conflict, "crm")
    office.company.erp_faults.hide("customer", "tel")
    await office.company.sync(full=True)
    office.company.erp_faults.show()
    await office.company.sync(full=True)
    await office.company.rest()
    assert office.phones == ("2", "2")


async def test_what_was_shown_may_be_asked_for(office: Office) -> None:
    conflict = await office.disagree()
    seen = office.list()[0].seen
    office.edit_erp(tel="8")
    await office.company.sync()
    refused = office.resolve(conflict, "crm", seen={conflict: seen}).refused
    assert refused == {conflict: "it has changed since it was shown: look again"}
    assert office.resolve(conflict, "crm", seen={conflict: office.list()[0].seen}).refused == {}


async def test_who_owns_the_field_may_change_meanwhile(office: Office) -> None:
    conflict = await office.disagree()
    office.resolve(conflict, "crm")
    office.company.own("customer", {"phone": "{owner: erp}"})
    await office.company.rest()
    assert office.phones == ("2", "3"), "a changed map writes nothing before it is approved"
    await office.company.plan()
    office.company.approve()
    await office.company.rest()
    assert office.phones == ("3", "3"), "the new owner's value, as the map now says"
    assert office.list() == []


# ── left different ───────────────────────────────────────────────────────────────────────────


async def test_a_kept_conflict_comes_back_when_a_side_changes(office: Office) -> None:
    conflict = await office.disagree()
    office.resolve(conflict, "keep")
    for _ in range(3):
        await office.company.sync(full=True)
        office.company.advance(days=30)
    assert office.list() == []
    assert [c.id for c in office.list(kept=True)] == [conflict]
    assert office.company.open_fields() == {}
    office.edit_crm(Phone="7")
    await office.company.rest()
    assert office.phones == ("7", "3")
    assert [c.id for c in office.list()] == [conflict]
    assert office.list(kept=True) == []


async def test_a_field_that_is_synced_no_more_asks_nobody(office: Office) -> None:
    decided = await office.disagree()
    office.resolve(decided, "crm")
    office.company.own("customer", {"phone": "{owner: local}"})
    (why,) = office.resolve(decided, "erp").refused.values()
    assert "no longer" in why
    with pytest.raises(ConfigurationError, match="no longer"):
        office.show(decided)
    await office.company.rest()
    assert office.phones == ("2", "3")
    assert office.list() == []
    assert office.company.open_fields() == {}


async def test_who_left_it_different_is_explained(office: Office) -> None:
    from interlock.service.explaining import explain

    office.resolve(await office.disagree(), "keep")
    await office.company.sync()
    with office.company.store() as store:
        story = explain(
            office.company.project(), store, "customer", office.pairs[0][0], field="phone"
        )
    (field,) = story.fields
    assert (field.state, field.why) == ("left different", "decided by Kim: asked them")


async def test_the_parent_of_a_contact_can_be_decided(found: Founding) -> None:
    company = found()
    company.own("contact", {"customer": MANUAL})
    office = await open_office(company, {}, count=3)
    mail = {"Email": "jo@acme0.com", "PersonName": {"FirstName": "Jo", "LastName": "Doe"}}
    contact = company.crm.add("contact", {"AccountId": office.pairs[0][0], **mail})
    await company.rest()
    other = company.linked("contact")[contact]
    company.crm.edit("contact", contact, {"AccountId": office.pairs[1][0]})
    company.erp.edit("contact", other, {"partner_id": office.pairs[2][1]})
    await company.sync()
    (conflict,) = office.list()
    with pytest.raises(ConfigurationError, match="cannot be set here"):
        office.resolve(conflict.id, "value", "3")
    office.resolve(conflict.id, "erp")
    await company.rest()
    assert company.crm.all("contact")[contact]["AccountId"] == office.pairs[2][0]
    assert company.open_fields() == {}


class TestFlagged:
    """``on_foreign_edit: flag``: shown to a person once."""

    @pytest.fixture
    async def shop(self, company: Company) -> Office:
        shop = await open_office(company, {"website": "{owner: crm, on_foreign_edit: flag}"})
        shop.edit_erp(web="acme.org")
        await company.rest()
        assert [c.kind for c in shop.list()] == ["flagged"]
        return shop

    async def test_it_can_be_left(self, shop: Office) -> None:
        shop.resolve(shop.list()[0].id, "keep")
        for _ in range(3):
            await shop.company.sync(full=True)
            shop.company.advance(days=30)
        assert shop.company.open_fields() == {}
        assert shop.erp()["web"] == "acme.org"
        shop.edit_erp(web="acme.net")
        await shop.company.rest()
        assert shop.company.open_fields() == {"website": "flagged"}, "a new edit is a new question"

    async def test_the_owners_value_can_be_put_back(self, shop: Office) -> None:
        shop.resolve(shop.list()[0].id, "crm")
        await shop.company.rest()
        assert shop.erp()["web"] == shop.crm()["Website"] == "acme0.com"
        assert shop.company.open_fields() == {}

    async def test_the_foreign_value_can_be_adopted(self, shop: Office) -> None:
        shop.resolve(shop.list()[0].id, "erp")
        await shop.company.rest()
        assert shop.erp()["web"] == shop.crm()["Website"] == "acme.org"
        assert shop.company.open_fields() == {}

    async def test_the_owners_later_edit_goes_before_a_decision(self, shop: Office) -> None:
        shop.resolve(shop.list()[0].id, "erp")
        shop.edit_crm(Website="acme.eu")
        await shop.company.rest()
        assert shop.erp()["web"] == shop.crm()["Website"] == "acme.eu"
        assert shop.company.open_fields() == {}

    async def test_a_blank_of_the_owner_can_be_put_back(self, shop: Office) -> None:
        shop.edit_crm(Website=None)
        await shop.company.rest()
        shop.edit_erp(web="acme.org")
        await shop.company.rest()
        (flagged,) = shop.list()
        shop.resolve(flagged.id, "crm")
        await shop.company.rest()
        assert not shop.erp()["web"]
        assert shop.company.open_fields() == {}

    async def test_it_stays_open_while_the_field_cannot_be_decoded(self, shop: Office) -> None:
        shop.company.erp_faults.hide("customer", "web")
        await shop.company.sync(full=True)
        shop.company.erp_faults.show()
        await shop.company.sync(full=True)
        assert shop.company.open_fields() == {"website": "flagged"}


# ── kinds of values ──────────────────────────────────────────────────────────────────────────


async def test_an_address_is_typed_whole(found: Founding) -> None:
    office = await open_office(found(), {"billing_address": MANUAL})
    office.edit_crm(**CRM_MAPS["customer"].encode({"billing_address": HOME}))
    office.edit_erp(**ERP_MAPS["customer"].encode({"billing_address": OFFICE}))
    await office.company.sync()
    (conflict,) = office.list()
    with pytest.raises(ConfigurationError, match="is an address"):
        office.resolve(conflict.id, "value", "C 3, Bonn")
    office.resolve(conflict.id, "value", "street=C 3", "city=Mainz", "country=DE")
    await office.company.rest()
    mainz = Address(street="C 3", city="Mainz", country="DE")
    assert CRM_MAPS["customer"].decode(office.crm(), {})["billing_address"] == mainz
    assert ERP_MAPS["customer"].decode(office.erp(), {})["billing_address"] == mainz


async def test_money_is_typed_with_its_currency(found: Founding) -> None:
    office = await open_office(found(), {"credit_limit": MANUAL})
    office.edit_crm(CreditLimit={"Amount": "100", "CurrencyIsoCode": "EUR"})
    office.edit_erp(credit_limit="200")
    await office.company.sync()
    (conflict,) = office.list()
    with pytest.raises(ConfigurationError, match="currency is missing"):
        office.resolve(conflict.id, "value", "150")
    office.resolve(conflict.id, "value", "150.50 EUR")
    await office.company.rest()
    assert office.company.open_fields() == {}
    (shown,) = office.company.events("resolved")
    assert shown.field == "credit_limit"
    assert Decimal(office.crm()["CreditLimit"]["Amount"]) == Decimal("150.50")


# ── what cannot be ───────────────────────────────────────────────────────────────────────────


async def test_a_blank_does_not_erase_against_the_map(office: Office) -> None:
    conflict = await office.disagree()
    assert "may_blank" in office.resolve(conflict, "value", "").refused[conflict]


async def test_a_value_a_system_cannot_hold_is_refused(found: Founding) -> None:
    office = await open_office(found(), {"name": MANUAL})
    office.edit_crm(Name="Acme One")
    office.edit_erp(name="Acme Two")
    await office.company.sync()
    (conflict,) = office.list()
    (why,) = office.resolve(conflict.id, "value", "x" * 500).refused.values()
    assert "would cut it" in why
    (why,) = office.resolve(conflict.id, "value", "").refused.values()
    assert "must be filled" in why or "may_blank" in why


async def test_a_record_that_is_away_is_decided_first(office: Office) -> None:
    conflict = await office.disagree()
    office.company.erp.archive("customer", office.pairs[0][1])
    await office.company.sync()
    (why,) = office.resolve(conflict, "crm").refused.values()
    assert "erp record is not there" in why


@pytest.mark.parametrize(
    "conflict", ["", "x", "1", "1:", "1:name", ":phone", "9999999999999:phone"]
)
async def test_an_unknown_one_is_said_to_be_unknown(office: Office, conflict: str) -> None:
    with pytest.raises(ConfigurationError):
        office.show(conflict)


# ── many at once ─────────────────────────────────────────────────────────────────────────────


async def test_many_are_decided_by_filter(found: Founding) -> None:
    office = await open_office(found(), {"phone": MANUAL, "email": MANUAL}, count=5)
    for n in range(5):
        office.edit_crm(n, Phone=f"2{n}", Email=f"a@acme{n}.com")
        office.edit_erp(n, tel=f"3{n}", mail=f"b@acme{n}.com")
    await office.company.sync()
    assert len(office.list()) == 10
    assert len(office.list(field="phone")) == 5
    assert office.list(kind="flagged") == []
    filters = Filters(entity="customer", field="phone")
    assert len(office.resolve(filters, "erp", dry_run=True).conflicts) == 5
    assert {c.state for c in office.list()} == {"open"}
    link = office.list()[0].link
    office.resolve(f"{link}:phone", "crm")
    assert len(office.resolve(filters, "erp").conflicts) == 4, "one was decided before"
    await office.company.rest()
    phones = [(office.crm(n)["Phone"], office.erp(n)["tel"]) for n in range(5)]
    assert all(a == b for a, b in phones)
    assert [a[0] for a, _ in phones].count("2") == 1
    assert {c.field for c in office.list()} == {"email"}


async def test_a_wrong_filter_is_not_none(office: Office) -> None:
    for filters in ({"entity": "custommer"}, {"field": "fone"}, {"kind": "bad"}):
        with pytest.raises(ConfigurationError):
            office.list(**filters)


async def test_it_is_shown_with_all_that_helps(office: Office) -> None:
    conflict = await office.disagree()
    story = office.show(conflict)
    assert story.conflict.values == {"crm": "2", "erp": "3"}
    assert story.conflict.base == {"crm": "1", "erp": "1"}
    assert story.owner == "shared"
    assert set(story.versions) == {"crm", "erp"}
    assert all(v.modified is not None for v in story.versions.values())
    assert set(story.answers.values()) == {""}
    assert next(m.event for m in story.history) == "opened"


# ── whatever happens ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(15))
async def test_in_the_end_both_agree_or_a_person_is_asked(found: Founding, seed: int) -> None:
    """Edits, decisions, faults and syncs in any order; nobody's value gives way unseen."""
    rng = Random(seed)
    company = found(
        erp_settings={"version_check": rng.random() < 0.5,
                      "answers_with_values": rng.random() < 0.5},
        crm_settings={"answers_with_values": rng.random() < 0.5},
    )  # fmt: skip
    office = await open_office(
        company, {"phone": MANUAL, "website": "{owner: crm, on_foreign_edit: flag}"}
    )
    last: dict[tuple[str, str], str] = {}
    for step in range(14):
        match rng.choice(("crm", "erp", "erp", "decide", "decide", "sync", "fault")):
            case "crm":
                office.edit_crm(Phone=f"c{step}", Website=f"c{step}.com")
                last |= {("crm", "Phone"): f"c{step}", ("crm", "Website"): f"c{step}.com"}
            case "erp":
                office.edit_erp(tel=f"e{step}", web=f"e{step}.com")
                last |= {("erp", "tel"): f"e{step}", ("erp", "web"): f"e{step}.com"}
            case "decide":
                for one in office.list():
                    choice = rng.choice(list(Choice)).value
                    values = [f"t{step}.com"] if choice == "value" else []
                    office.resolve(one.id, choice, *values)
            case "sync":
                await company.sync()
                company.advance(minutes=1)
            case "fault":
                faults = rng.choice((company.crm_faults, company.erp_faults))
                faults.arm(rng.choice((lose_answer, fail_before, answer_status(503))),
                           operation="write")  # fmt: skip
    company.crm_faults.clear()
    company.erp_faults.clear()
    company.advance(minutes=10)
    await company.rest()
    await company.sync(full=True)
    await company.rest()
    visible = {c.field for c in office.list()} | {c.field for c in office.list(kept=True)}
    for field, crm, erp in (("phone", "Phone", "tel"), ("website", "Website", "web")):
        assert office.crm()[crm] == office.erp()[erp] or field in visible
    assert all(c.state == "open" for c in office.list()), "nothing decided is left undone"
    told = {e.old for e in company.events()}
    for (side, column), value in last.items():
        shown = office.crm() if side == "crm" else office.erp()
        assert shown[column] == value or value in told, "no value of a person's is lost unseen"
