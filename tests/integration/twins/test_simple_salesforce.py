"""simple-salesforce, written by others against the real Salesforce, at work on the twin.

It insists on https and, to sign in, on addresses below salesforce.com.  The twin speaks https; an
adapter stands in for the name server, nothing else of the client is touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from interlock.twins.faults import Fault, FaultKind
from interlock.twins.serving import Running

simple = pytest.importorskip("simple_salesforce")


class NameServer(HTTPAdapter):
    """Takes a host of Salesforce to the twin."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__()
        self.host = host
        self.address = address

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace(self.host, self.address)
        return super().send(request, *args, **more)


@pytest.fixture
def session(secure: Running) -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        made.verify = str(secure.ca_file)
        for host in ("https://login.salesforce.com", "https://twin.my.salesforce.com"):
            made.mount(host, NameServer(host, secure.url))
        yield made


@pytest.fixture
def client(secure: Running, session: requests.Session) -> Any:
    """Signed in with an open session."""
    token = secure.twin.credentials()["access_token"]
    return simple.Salesforce(
        session_id=token, instance_url=secure.url, session=session, version="67.0"
    )


class TestSigningIn:
    def test_with_a_signed_assertion(self, secure: Running, session: requests.Session) -> None:
        known = secure.twin.credentials()
        client = simple.Salesforce(
            username=known["username"], consumer_key=known["client_id"],
            privatekey=known["private_key"], session=session, version="67.0",
        )  # fmt: skip
        assert client.sf_instance == secure.url.removeprefix("https://")
        assert client.query("SELECT COUNT() FROM Account")["totalSize"] == 12

    def test_with_client_credentials_at_the_orgs_own_host(
        self, secure: Running, session: requests.Session
    ) -> None:
        known = secure.twin.credentials()
        client = simple.Salesforce(
            consumer_key=known["client_id"], consumer_secret=known["client_secret"],
            domain="twin.my", session=session, version="67.0",
        )  # fmt: skip
        assert client.is_sandbox() is True

    def test_a_wrong_secret_is_told(self, secure: Running, session: requests.Session) -> None:
        known = secure.twin.credentials()
        with pytest.raises(simple.SalesforceAuthenticationFailed, match="invalid_client"):
            simple.Salesforce(
                consumer_key=known["client_id"],
                consumer_secret="x",
                domain="twin.my",
                session=session,
            )

    def test_an_ended_session_is_told(self, secure: Running, client: Any) -> None:
        secure.twin.configure({"end_sessions": True})
        with pytest.raises(simple.SalesforceExpiredSession):
            client.query("SELECT Id FROM Account")


class TestReading:
    def test_query_all_iter_walks_all_pages(self, secure: Running, client: Any) -> None:
        secure.twin.configure({"query_page": 5})
        names = [
            row["Name"] for row in client.query_all_iter("SELECT Name FROM Account ORDER BY Name")
        ]
        assert len(names) == 12
        assert names == sorted(names, key=str.casefold)
        assert secure.twin.log.kinds["GET /query/ID"] == 2

    def test_parents_and_children_in_one_query(self, client: Any) -> None:
        soql = "SELECT Name, Account.Name, (SELECT Quantity, TotalPrice FROM OpportunityLineItems) FROM Opportunity WHERE HasOpportunityLineItem = true"
        rows = client.query_all(soql)["records"]
        assert rows
        for row in rows:
            assert row["Account"]["Name"]
            assert row["OpportunityLineItems"]["totalSize"] == len(
                row["OpportunityLineItems"]["records"]
            )

    def test_describe_of_the_org_and_of_an_object(self, client: Any) -> None:
        objects = {one["name"]: one for one in client.describe()["sobjects"]}
        assert objects["Account"]["keyPrefix"] == "001"
        fields = {one["name"]: one for one in client.Account.describe()["fields"]}
        assert fields["Name"]["length"] == 255
        assert client.Account.metadata()["objectDescribe"]["label"] == "Account"

    def test_the_usage_of_the_day_is_read_from_the_header(self, client: Any) -> None:
        client.query("SELECT Id FROM Account LIMIT 1")
        usage = client.api_usage["api-usage"]
        assert (usage.used, usage.total) == (1, 15_000)
        assert client.limits()["DailyApiRequests"]["Remaining"] == 14_998

    def test_deleted_and_updated_in_a_window(self, client: Any) -> None:
        key = client.Account.create({"Name": "Gone"})["id"]
        client.Account.delete(key)
        end = datetime.now(UTC) + timedelta(minutes=2)
        start = end - timedelta(hours=1)
        assert [one["id"] for one in client.Account.deleted(start, end)["deletedRecords"]] == [key]
        assert len(client.Account.updated(start, end)["ids"]) == 12
        kept = client.query("SELECT Id FROM Account WHERE IsDeleted = true", include_deleted=True)
        assert [row["Id"] for row in kept["records"]] == [key]


class TestWriting:
    def test_create_get_update_delete(self, client: Any) -> None:
        key = client.Contact.create({"LastName": "Šimek", "Email": "simek@twin.example"})["id"]
        assert client.Contact.update(key, {"FirstName": "Ana"}) == 204
        assert client.Contact.get(key)["Name"] == "Ana Šimek"
        assert client.Contact.delete(key) == 204
        with pytest.raises(simple.SalesforceResourceNotFound):
            client.Contact.get(key)

    @pytest.fixture
    def keyed(self, secure: Running) -> None:
        metadata = {"type": "Text", "label": "Key", "length": 80, "externalId": True}
        secure.twin.configure({"fields": {"Account.Key__c": metadata}})

    @pytest.mark.usefixtures("keyed")
    def test_upsert_by_external_id(self, client: Any) -> None:
        path = simple.format.format_external_id("Key__c", "a/b")
        assert client.Account.upsert(path, {"Name": "Acme"}) == 201
        assert client.Account.upsert(path, {"Phone": "1"}) == 200
        assert client.Account.get_by_custom_id("Key__c", "a/b")["Phone"] == "1"
        client.Account.create({"Name": "Twice", "Key__c": "a/b"})
        with pytest.raises(simple.SalesforceMoreThanOneRecord) as caught:
            client.Account.upsert(path, {"Phone": "2"})
        assert len(caught.value.content) == 2

    def test_collections_of_200_with_an_error_for_one(self, secure: Running, client: Any) -> None:
        records: list[dict[str, Any]] = [
            {"attributes": {"type": "Account"}, "Name": f"Bulkless {n}"} for n in range(200)
        ]
        records[17] = {"attributes": {"type": "Account"}, "Phone": "1"}
        results = client.restful("composite/sobjects", method="POST", json={"records": records})
        assert [n for n, one in enumerate(results) if not one["success"]] == [17]
        assert secure.twin.log.kinds == {"POST /composite/sobjects": 1}

    def test_a_field_made_with_the_tooling_api_needs_rights(self, client: Any) -> None:
        body = {
            "FullName": "Account.Ref__c",
            "Metadata": {"type": "Text", "label": "Ref", "length": 50},
        }
        made = client.toolingexecute("sobjects/CustomField", method="POST", json=body)
        assert made["success"]
        assert "Ref__c" not in {f["name"] for f in client.Account.describe()["fields"]}
        granted = client.PermissionSet.create({"Name": "Sync", "Label": "Sync"})["id"]
        client.FieldPermissions.create({
            "ParentId": granted, "SobjectType": "Account", "Field": "Account.Ref__c",
            "PermissionsRead": True, "PermissionsEdit": True,
        })  # fmt: skip
        (user,) = client.query("SELECT Id FROM User")["records"]
        client.PermissionSetAssignment.create(
            {"PermissionSetId": granted, "AssigneeId": user["Id"]}
        )
        assert "Ref__c" in {f["name"] for f in client.Account.describe()["fields"]}


class TestRefusals:
    def test_errors_arrive_in_the_clients_own_classes(self, secure: Running, client: Any) -> None:
        cases = (
            (simple.SalesforceMalformedRequest, lambda: client.Account.create({"Phone": "1"}), "REQUIRED_FIELD_MISSING"),
            (simple.SalesforceMalformedRequest, lambda: client.query("SELECT Nope FROM Account"), "INVALID_FIELD"),
            (simple.SalesforceResourceNotFound, client.Nothing.describe, "NOT_FOUND"),
        )  # fmt: skip
        for kind, act, code in cases:
            with pytest.raises(kind) as caught:
                act()
            assert caught.value.content[0]["errorCode"] == code
        secure.twin.faults.arm(Fault(kind=FaultKind.QUOTA_REACHED, times=1))
        with pytest.raises(simple.SalesforceRefusedRequest) as refused:
            client.query("SELECT Id FROM Account")
        assert refused.value.content[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"

    def test_a_broken_connection_is_not_mistaken_for_an_answer(
        self, secure: Running, client: Any
    ) -> None:
        secure.twin.faults.arm(Fault(kind=FaultKind.LOST_ANSWER, times=1))
        with pytest.raises(requests.ConnectionError):
            client.Account.create({"Name": "Once"})
        assert client.query("SELECT COUNT() FROM Account WHERE Name = 'Once'")["totalSize"] == 1
