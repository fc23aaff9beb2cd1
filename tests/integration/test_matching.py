"""Customers matched by score in the engine: linked, queued or alone, and what people decide."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.service.customers import learn_from_queue, list_duplicates, run_matching
from interlock.service.decisions import export_queue, import_decisions
from interlock.service.linking import show_link
from interlock.service.review import Decision, decide, read_queue, take_back
from interlock.store import scores
from interlock.store.scores import Suggestion
from interlock.sync import customers
from interlock.sync.progress import Run

from .company import Company
from .conftest import Founding

TAX = "DE136695976"
NOTHING_IS_CREATED = {
    "create": "none", "payment_terms": "{owner: erp}", "credit_limit": "{owner: erp}",
}  # fmt: skip


def crm_address(**changes: str) -> dict[str, str]:
    return {"BillingStreet": "Hauptstraße 12", "BillingCity": "Köln",
            "BillingPostalCode": "50667", "BillingCountryCode": "DE"} | changes  # fmt: skip


def erp_address(**changes: str) -> dict[str, str]:
    return {"addr1": "Hauptstr. 12", "town": "Koln", "zip": "50667", "iso": "DE"} | changes


def acme_crm(**changes: Any) -> dict[str, Any]:
    return {"Name": "Müller Werkzeugbau GmbH", "Website": "https://www.mueller-werkzeug.de",
            "BillingAddress": crm_address()} | changes  # fmt: skip


def acme_erp(**changes: Any) -> dict[str, Any]:
    return {"name": "MULLER WERKZEUGBAU", "web": "mueller-werkzeug.de",
            "bill_to": erp_address()} | changes  # fmt: skip


def waiting(company: Company) -> list[Suggestion]:
    return company.ask(lambda tx: scores.scored_suggestions(tx, "customer"))  # type: ignore[no-any-return]


def decided(company: Company, crm_id: str, erp_id: str, what: Decision) -> Any:
    with company.store() as store:
        return decide(company.project(), store, crm_id, erp_id, what, by="ann", now=company.clock())


class TestANewAccountThatTheErpKnows:
    """It is linked or queued, never created."""

    @pytest.fixture
    async def running(self, company: Company) -> Company:
        company.erp.add("customer", acme_erp())
        for name in ("Nordlicht Optik", "Sonnenhof Bäckerei", "Kestrel Pumps"):
            company.crm.add("customer", {"Name": name})
        await company.go()
        company.advance(minutes=5)
        return company

    async def test_spelled_otherwise_it_is_linked(self, running: Company) -> None:
        [known] = [i for i, c in running.erp.all("customer").items() if c["name"].startswith("MUL")]
        before = len(running.erp.all("customer"))
        account = running.crm.add("customer", acme_crm())
        await running.sync()
        assert running.linked("customer")[account] == known
        assert len(running.erp.all("customer")) == before

    async def test_with_one_kind_of_evidence_it_is_queued(self, running: Company) -> None:
        """Name and the web domain made of it are one kind."""
        before = len(running.erp.all("customer"))
        account = running.crm.add("customer", acme_crm(BillingAddress=None))
        await running.sync()
        assert account not in running.linked("customer")
        assert len(running.erp.all("customer")) == before
        [found] = waiting(running)
        assert found.crm_id == account
        assert found.score is not None
        assert found.score.probability > 0.5

    async def test_a_telling_key_queues_it_however_unlike_the_rest_is(
        self, running: Company
    ) -> None:
        before = len(running.erp.all("customer"))
        account = running.crm.add("customer", {
            "Name": "Rheinische Holding", "Website": "mueller-werkzeug.de",
            "BillingAddress": crm_address(BillingCity="Kiel", BillingPostalCode="24103"),
        })  # fmt: skip
        await running.sync()
        assert len(running.erp.all("customer")) == before
        assert [s.crm_id for s in waiting(running)] == [account]

    async def test_another_company_is_created(self, running: Company) -> None:
        before = len(running.erp.all("customer"))
        running.crm.add("customer", {"Name": "Weißbach Keramik", "Website": "weissbach.de"})
        await running.sync()
        assert len(running.erp.all("customer")) == before + 1

    async def test_one_that_grows_alike_later_is_queued_or_linked_too(
        self, running: Company
    ) -> None:
        running.own("customer", NOTHING_IS_CREATED)
        account = running.crm.add("customer", {"Name": "M."})
        await running.sync()
        assert waiting(running) == []
        running.crm.edit("customer", account, acme_crm())
        await running.sync()
        assert account in running.linked("customer")


class TestAmbiguity:
    async def test_of_two_accounts_alike_a_person_chooses(self, company: Company) -> None:
        for _ in range(2):
            company.crm.add("customer", acme_crm())
        company.erp.add("customer", acme_erp())
        await company.go()
        assert company.linked("customer") == {}
        assert len(waiting(company)) == 2
        assert len(company.erp.all("customer")) == 1

    async def test_the_better_of_two_accounts_is_linked_and_the_other_is_told_why_not(
        self, company: Company
    ) -> None:
        good = company.crm.add("customer", acme_crm(VatNumber=TAX, Phone="+49 221 1234567"))
        poor = company.crm.add("customer", acme_crm(Website=None))
        partner = company.erp.add("customer", acme_erp(vat_no=TAX, tel="0221 1234567"))
        await company.go()
        assert company.linked("customer") == {good: partner}
        [found] = waiting(company)
        assert (found.crm_id, found.erp_id) == (poor, partner)
        assert "probably the same company twice" in found.evidence

    async def test_an_account_like_a_customer_that_has_its_own_is_shown(
        self, company: Company
    ) -> None:
        account = company.crm.add("customer", acme_crm(VatNumber=TAX, Phone="+49 221 1234567"))
        sister = company.crm.add("customer", acme_crm(Name="Rheinfels Handel"))
        head = company.erp.add("customer", acme_erp(vat_no=TAX, tel="0221 1234567"))
        await company.go()
        assert company.linked("customer") == {account: head}
        [found] = waiting(company)
        assert (found.crm_id, found.erp_id) == (sister, head)
        assert "the ERP record is linked with another one" in found.evidence

    async def test_what_one_look_leaves_is_looked_at_by_the_next(
        self, company: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each decision may concern others; a look ends after so many rounds."""
        monkeypatch.setattr(customers, "_ROUNDS", 1)
        account = company.crm.add("customer", acme_crm())
        partner, rival = (company.erp.add("customer", acme_erp()) for _ in range(2))
        await company.go()
        assert company.linked("customer") == {}
        company.erp.edit(
            "customer", rival, {"name": "Larkspur Foods", "web": None, "bill_to": None}
        )
        await company.go()
        await company.go()
        assert company.linked("customer") == {account: partner}
        assert waiting(company) == []

    async def test_a_hidden_address_makes_no_copy_the_better_match(self, company: Company) -> None:
        """Both show the same; that one right was missing at a look must not tell them apart."""
        elsewhere = erp_address(addr1="Ringstr. 5", zip="50676")
        addresses = {"bill_to": elsewhere, "ship_to": erp_address()}
        here = {k.replace("Billing", "Shipping"): v for k, v in crm_address().items()}
        account = company.crm.add(
            "customer", acme_crm(Website=None, BillingAddress=None, ShippingAddress=here)
        )
        partner = company.erp.add("customer", acme_erp(**addresses))
        await company.sync()
        company.erp_faults.hide("customer", "bill_to")
        copy = company.erp.add("customer", acme_erp(**addresses))
        await company.go()
        company.erp_faults.show()
        await company.go()
        assert company.linked("customer") == {}
        assert {(s.crm_id, s.erp_id) for s in waiting(company)} <= {
            (account, partner), (account, copy)}  # fmt: skip

    async def test_further_erp_customers_of_an_account_are_shown(self, company: Company) -> None:
        account = company.crm.add("customer", acme_crm(VatNumber=TAX, Phone="+49 221 1234567"))
        head = company.erp.add("customer", acme_erp(vat_no=TAX, tel="0221 1234567"))
        branch = company.erp.add("customer", acme_erp(web=None, tel="0221 7654321"))
        await company.go()
        assert company.linked("customer") == {account: head}
        [found] = waiting(company)
        assert (found.crm_id, found.erp_id) == (account, branch)
        assert "the CRM record is linked with another one" in found.evidence
        assert company.erp.all("customer")[branch]["crm_id"] is None


class TestWhatIsStored:
    async def test_a_link_keeps_probability_explanation_and_weights(self, company: Company) -> None:
        account = company.crm.add("customer", acme_crm())
        company.erp.add("customer", acme_erp())
        await company.go()
        with company.store() as store:
            view = show_link(company.project(), store, key=["customer", account])
        assert view.score is not None
        assert view.score.probability > 0.85
        assert view.score.weights == "default-1"
        assert {"name", "street", "place", "website"} <= view.score.contributions.keys()
        assert "same name" in view.evidence

    async def test_matching_looks_at_a_record_once(self, company: Company) -> None:
        company.crm.add("customer", acme_crm(BillingAddress=None))
        company.erp.add("customer", acme_erp())
        await company.go()
        at = [s.at for s in waiting(company)]
        company.advance(hours=1)
        await company.sync()
        assert company.ask(lambda tx: scores.to_match(tx, "customer")) == {}
        assert [s.at for s in waiting(company)] == at, "nothing was scored again"

    async def test_the_lists_follow_what_changes_between_two_runs(self, company: Company) -> None:
        """One session, as in a service: what is kept in memory must not grow old."""
        company.own("customer", NOTHING_IS_CREATED)
        for number in range(60):
            company.crm.add("customer", {"Name": f"Filler {number} Works"})
        partner = company.erp.add("customer", acme_erp())
        async with company.session() as session:
            await run_matching(session, Run(id="one"))
            gone = company.erp.add("customer", acme_erp(web=None))
            await run_matching(session, Run(id="two"))
            company.erp.edit("customer", gone, {"name": "Ganz Anders", "bill_to": None})
            account = company.crm.add("customer", acme_crm())
            await run_matching(session, Run(id="three"))
        assert company.linked("customer") == {account: partner}
        assert waiting(company) == []


class TestDecisions:
    @pytest.fixture
    async def queued(self, company: Company) -> Company:
        company.crm.add("customer", acme_crm(BillingAddress=None))
        company.erp.add("customer", acme_erp())
        await company.go()
        return company

    @staticmethod
    def ids(company: Company) -> tuple[str, str]:
        [account], [partner] = company.crm.all("customer"), company.erp.all("customer")
        return account, partner

    async def test_accepting_links_and_what_waits_for_it_goes_on(self, queued: Company) -> None:
        account, partner = self.ids(queued)
        queued.crm.add("contact", {"AccountId": account, "Email": "jo@mueller-werkzeug.de",
                                   "PersonName": {"FirstName": "Jo", "LastName": "Doe"}})  # fmt: skip
        await queued.go()
        [before] = queued.pending()
        assert before.entity == "contact"
        assert before.waits_for
        made = decided(queued, account, partner, "accept")
        assert made.state == "linked"
        assert [w.due_at <= queued.clock() for w in queued.pending()] == [True]
        assert waiting(queued) == []
        await queued.go()
        assert queued.linked("customer") == {account: partner}
        assert len(queued.erp.all("contact")) == 1
        assert decided(queued, account, partner, "accept").changed is False

    async def test_a_refused_pair_is_not_suggested_again_and_the_account_is_new(
        self, queued: Company
    ) -> None:
        account, partner = self.ids(queued)
        decided(queued, account, partner, "reject")
        await queued.go()
        assert waiting(queued) == []
        assert queued.linked("customer")[account] != partner
        queued.crm.edit("customer", account, {"BillingAddress": crm_address()})
        queued.erp.edit("customer", partner, {"tel": "1"})
        await queued.go()
        assert waiting(queued) == []
        assert queued.linked("customer")[account] != partner

    async def test_a_refused_pair_survives_evidence_that_would_link_it(
        self, queued: Company
    ) -> None:
        account, partner = self.ids(queued)
        queued.own("customer", NOTHING_IS_CREATED)
        decided(queued, account, partner, "reject")
        queued.crm.edit("customer", account, {"BillingAddress": crm_address(), "VatNumber": TAX})
        queued.erp.edit("customer", partner, {"vat_no": TAX})
        for _ in range(2):
            await queued.go()
        assert queued.linked("customer") == {}

    async def test_taking_a_decision_back_puts_the_pair_into_the_queue_again(
        self, queued: Company
    ) -> None:
        account, partner = self.ids(queued)
        for what in ("accept", "reject"):
            decided(queued, account, partner, what)  # type: ignore[arg-type]
            with queued.store() as store:
                made = take_back(
                    queued.project(), store, account, partner, by="ann", now=queued.clock()
                )
            assert made.state == "matched anew"
            await queued.plan()
            assert [(s.crm_id, s.erp_id) for s in waiting(queued)] == [(account, partner)]

    async def test_a_link_by_matching_is_taken_apart_for_good(self, company: Company) -> None:
        account = company.crm.add("customer", acme_crm())
        partner = company.erp.add("customer", acme_erp())
        await company.go()
        with company.store() as store:
            made = take_back(
                company.project(), store, account, partner, by="ann", now=company.clock()
            )
        assert made.state == "apart"
        await company.go()
        assert company.linked("customer") == {}

    async def test_an_unknown_id_and_one_that_is_taken_are_refused(self, queued: Company) -> None:
        account, partner = self.ids(queued)
        with pytest.raises(ConfigurationError, match="no customer nobody in crm"):
            decided(queued, "nobody", partner, "accept")
        decided(queued, account, partner, "accept")
        other = queued.crm.add("customer", {"Name": "Another"})
        await queued.plan()
        with pytest.raises(ConfigurationError, match=f"linked with {account}"):
            decided(queued, other, partner, "accept")

    async def test_too_few_decisions_teach_nothing(self, queued: Company) -> None:
        account, partner = self.ids(queued)
        decided(queued, account, partner, "accept")
        with (
            queued.store() as store,
            pytest.raises(ConfigurationError, match="1 pairs decided as same and 0"),
        ):
            learn_from_queue(queued.project(), store, now=queued.clock())


class TestSpreadsheet:
    @pytest.fixture
    async def queued(self, company: Company) -> Company:
        for number in range(3):
            name = f"{('Kestrel', 'Oakhaven', 'Larkspur')[number]} Pumps"
            company.crm.add("customer", {"Name": name, "Phone": f"=1+{number}"})
            company.erp.add("customer", {"name": name})
        await company.go()
        assert len(waiting(company)) == 3
        return company

    def fill(self, company: Company, path: Path, *answers: str) -> list[dict[str, str]]:
        with company.store() as store:
            export_queue(company.project(), store, path)
        rows = list(csv.DictReader(path.read_text().splitlines()))
        for row, answer in zip(rows, answers, strict=True):
            row["decision"] = answer
        self.save(path, rows)
        return rows

    @staticmethod
    def save(path: Path, rows: list[dict[str, str]]) -> None:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
            writer.writeheader()
            writer.writerows(rows)

    def read(self, company: Company, path: Path) -> Any:
        with company.store() as store:
            return import_decisions(company.project(), store, path, by="ann", now=company.clock())

    async def test_there_and_back(self, queued: Company, tmp_path: Path) -> None:
        path = tmp_path / "queue.csv"
        rows = self.fill(queued, path, "accept", " Reject", "")
        assert {row["crm_phone"][0] for row in rows} == {"'"}, "no spreadsheet runs it"
        made = self.read(queued, path)
        assert (made.accepted, made.rejected, made.known, made.undecided) == (1, 1, 0, 1)
        assert queued.linked("customer") == {rows[0]["crm_id"]: rows[0]["erp_id"]}
        again = self.read(queued, path)
        assert (again.accepted, again.rejected, again.known) == (0, 0, 2)

    async def test_a_bad_row_is_named_and_nothing_is_applied(
        self, queued: Company, tmp_path: Path
    ) -> None:
        path = tmp_path / "queue.csv"
        rows = self.fill(queued, path, "accept", "perhaps", "reject")
        with pytest.raises(ConfigurationError, match=r"queue.csv:3: 'perhaps' is no decision"):
            self.read(queued, path)
        rows[1] |= {"decision": "accept", "crm_id": "nobody"}
        self.save(path, rows)
        with pytest.raises(ConfigurationError, match=r"queue.csv:3: .*no customer nobody"):
            self.read(queued, path)
        assert queued.linked("customer") == {}
        assert len(waiting(queued)) == 3

    async def test_a_file_without_the_columns_is_refused(
        self, queued: Company, tmp_path: Path
    ) -> None:
        path = tmp_path / "queue.csv"
        path.write_text("crm_id,erp_id\n1,2\n")
        with pytest.raises(ConfigurationError, match="no column 'decision'"):
            self.read(queued, path)


class TestMerges:
    async def test_the_survivor_of_a_merge_takes_the_link_over(self, company: Company) -> None:
        account = company.crm.add("customer", acme_crm())
        partner = company.erp.add("customer", acme_erp())
        await company.go()
        assert company.linked("customer") == {account: partner}
        survivor = company.crm.add("customer", acme_crm(Website=None))
        await company.sync()
        assert len(company.erp.all("customer")) == 1, "queued: it may be the linked one"
        company.crm.merge("customer", account, survivor)
        await company.go()
        await company.rest()
        assert company.linked("customer")[survivor] == partner
        assert waiting(company) == []
        assert company.erp.all("customer")[partner]["crm_id"] == survivor
        assert company.crm.all("customer")[survivor]["ErpId__c"] == partner
        assert len(company.erp.all("customer")) == 1

    async def test_a_survivor_with_a_partner_of_its_own_keeps_it(self, company: Company) -> None:
        accounts = [company.crm.add("customer", {"Name": n, "VatNumber": t}) for n, t in
                    (("Kestrel Pumps", TAX), ("Larkspur Foods", "DE129273398"))]  # fmt: skip
        partners = [company.erp.add("customer", {"name": n, "vat_no": t}) for n, t in
                    (("Kestrel Pumps", TAX), ("Larkspur Foods", "DE129273398"))]  # fmt: skip
        await company.go()
        before = company.linked("customer")
        assert before == dict(zip(accounts, partners, strict=True))
        company.crm.merge("customer", accounts[1], accounts[0])
        await company.go()
        assert company.linked("customer")[accounts[0]] == partners[0]
        assert len(company.erp.all("customer")) == 2


async def test_a_run_counts_every_band_and_writes_nothing(company: Company) -> None:
    company.crm.add("customer", acme_crm())
    company.erp.add("customer", acme_erp())
    company.crm.add("customer", {"Name": "Kestrel Pumps"})
    company.erp.add("customer", {"name": "Kestrel Pumps"})
    for _ in range(2):
        company.erp.add("customer", {"name": "Twice", "vat_no": TAX, "bill_to": erp_address()})
    company.crm.add("customer", {"Name": "Only Here"})
    async with company.session() as session:
        found = await run_matching(session, Run(id="run"))
    assert (found.link, found.new, found.review) == (1, 1, 1)
    assert found.alone == {"crm": 1, "erp": 2}
    assert found.duplicates == {"crm": 0, "erp": 1}
    assert found.records == {"crm": 3, "erp": 4}
    assert company.erp.written == {}
    assert company.crm.written == {}


async def test_the_worklist_of_duplicates_keeps_the_one_that_is_linked(
    company: Company, tmp_path: Path
) -> None:
    company.crm.add("customer", acme_crm(VatNumber=TAX, Phone="+49 221 1234567"))
    company.crm.add("customer", acme_crm(Website=None, Name="=Müller Werkzeugbau GmbH"))
    company.erp.add("customer", acme_erp(vat_no=TAX, tel="0221 1234567"))
    await company.go()
    [(account, partner)] = company.linked("customer").items()
    out = tmp_path / "doubles.csv"
    with company.store() as store:
        assert list_duplicates(company.project(), store, Side.CRM, out) == 1
    [row] = csv.DictReader(out.read_text().splitlines())
    assert row["survivor_id"] == account
    assert row["survivor_linked_with"] == partner
    assert row["duplicate_linked_with"] == ""
    assert row["duplicate_name"].startswith("'=")


async def test_a_large_list_is_not_scored_again_for_a_few_changes(found: Founding) -> None:
    """Far from what changed nothing moves; what is near is judged with everything around it."""
    company = found()
    company.own("customer", NOTHING_IS_CREATED)
    for number in range(120):
        company.crm.add(
            "customer", {"Name": f"Filler {number} Works", "Phone": f"+49 30 555{number:04}"}
        )
        company.erp.add(
            "customer", {"name": f"Filler {number} Works", "tel": f"030 555{number:04}"}
        )
    await company.go()
    first = company.linked("customer")
    assert len(first) == 120
    account = company.crm.add("customer", acme_crm())
    partner = company.erp.add("customer", acme_erp())
    rival = company.erp.add("customer", acme_erp())
    await company.go()
    assert company.linked("customer") == first
    assert {(s.crm_id, s.erp_id) for s in waiting(company)} == {
        (account, partner), (account, rival),
    }  # fmt: skip
    company.erp.edit("customer", rival, {"name": "Larkspur Foods", "web": None, "bill_to": None})
    await company.go()
    assert company.linked("customer") == {**first, account: partner}
    assert waiting(company) == []


async def test_queue_shows_both_records_and_who_has_a_partner(company: Company) -> None:
    company.crm.add("customer", acme_crm(VatNumber=TAX, Phone="+49 221 1234567"))
    poor = company.crm.add("customer", acme_crm(Website=None))
    partner = company.erp.add("customer", acme_erp(vat_no=TAX, tel="0221 1234567"))
    await company.go()
    [(account, _)] = company.linked("customer").items()
    with company.store() as store:
        [view] = read_queue(company.project(), store).pairs
    assert (view.crm.id, view.erp.id) == (poor, partner)
    assert (view.crm.linked_with, view.erp.linked_with) == ("", account)
    assert view.crm.fields["name"] == "Müller Werkzeugbau GmbH"
