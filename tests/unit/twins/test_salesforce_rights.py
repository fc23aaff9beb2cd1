"""Custom fields and who sees them, and signing in to the Salesforce twin."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from interlock.twins.calls import Answer, Call

from .salesforce_api import START, Api

TEXT = {"type": "Text", "label": "Ref", "length": 80, "externalId": True, "unique": True}


@pytest.fixture
def api() -> Api:
    return Api()


def make_field(api: Api, name: str = "Account.Ref__c", **metadata: Any) -> str:
    body = {"FullName": name, "Metadata": metadata or TEXT}
    return str(api.ok("POST", "/tooling/sobjects/CustomField", body)["id"])


def grant(api: Api, field: str = "Account.Ref__c", *, edit: bool = True) -> None:
    permission_set = api.create("PermissionSet", Name="Sync", Label="Sync")
    api.create(
        "FieldPermissions",
        ParentId=permission_set,
        SobjectType=field.partition(".")[0],
        Field=field,
        PermissionsRead=True,
        PermissionsEdit=edit,
    )
    api.create(
        "PermissionSetAssignment", PermissionSetId=permission_set, AssigneeId=api.twin.org.user_id
    )


def described(api: Api, name: str) -> dict[str, Any] | None:
    fields = api.get("/sobjects/Account/describe")["fields"]
    return next((f for f in fields if f["name"] == name), None)


class TestCustomFields:
    def test_a_field_made_by_the_api_is_seen_by_nobody(self, api: Api) -> None:
        make_field(api)
        assert described(api, "Ref__c") is None
        assert (
            api.error("GET", "/query", q="SELECT Ref__c FROM Account")[1]["errorCode"]
            == "INVALID_FIELD"
        )
        assert (
            api.error("POST", "/sobjects/Account", {"Name": "A", "Ref__c": "1"})[1]["errorCode"]
            == "INVALID_FIELD"
        )
        assert api.error("PATCH", "/sobjects/Account/Ref__c/1", {"Name": "A"})[0] == 404

    def test_permission_and_assignment_make_it_visible(self, api: Api) -> None:
        make_field(api)
        grant(api)
        found = described(api, "Ref__c")
        assert found is not None
        assert (found["externalId"], found["unique"], found["length"], found["custom"]) == (
            True,
            True,
            80,
            True,
        )
        assert api.call("PATCH", "/sobjects/Account/Ref__c/1", {"Name": "A"}).status == 201
        assert api.query("SELECT Ref__c FROM Account")[0]["Ref__c"] == "1"

    def test_without_the_assignment_it_stays_hidden(self, api: Api) -> None:
        make_field(api)
        permission_set = api.create("PermissionSet", Name="Sync", Label="Sync")
        api.create(
            "FieldPermissions",
            ParentId=permission_set,
            SobjectType="Account",
            Field="Account.Ref__c",
            PermissionsRead=True,
            PermissionsEdit=True,
        )
        assert described(api, "Ref__c") is None

    def test_reading_alone_does_not_allow_writing(self, api: Api) -> None:
        make_field(api)
        grant(api, edit=False)
        found = described(api, "Ref__c")
        assert found is not None
        assert (found["createable"], found["updateable"]) == (False, False)
        error = api.error("POST", "/sobjects/Account", {"Name": "A", "Ref__c": "1"})[1]
        assert (error["errorCode"], error["fields"]) == (
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            ["Ref__c"],
        )

    @pytest.mark.parametrize(
        ("metadata", "good", "bad"),
        [
            ({"type": "Number", "label": "N", "precision": 6, "scale": 2}, 12.345, "many"),
            ({"type": "Currency", "label": "N", "precision": 18, "scale": 2}, 5, 1e17),
            ({"type": "Checkbox", "label": "N", "defaultValue": "false"}, True, "maybe"),
            ({"type": "Date", "label": "N"}, "2026-01-31", "2026-02-31"),
            ({"type": "DateTime", "label": "N"}, "2026-01-31T10:00:00Z", "noon"),
            ({"type": "Picklist", "label": "N", "valueSet": {"restricted": True, "valueSetDefinition": {"value": [{"fullName": "a", "label": "A"}]}}}, "a", "b"),
            ({"type": "LongTextArea", "label": "N", "length": 300}, "x" * 300, "x" * 301),
            ({"type": "Lookup", "label": "N", "referenceTo": "Account", "relationshipName": "Ns"}, None, "17"),
        ],
    )  # fmt: skip
    def test_kinds_of_fields_hold_what_they_should(
        self, api: Api, metadata: dict[str, Any], good: Any, bad: Any
    ) -> None:
        make_field(api, "Account.N__c", **metadata)
        grant(api, "Account.N__c")
        api.create("Account", Name="A", N__c=good)
        assert api.error("POST", "/sobjects/Account", {"Name": "B", "N__c": bad})[0] == 400

    def test_a_number_is_rounded_to_its_decimals(self, api: Api) -> None:
        make_field(api, "Account.N__c", type="Number", label="N", precision=6, scale=2)
        grant(api, "Account.N__c")
        api.create("Account", Name="A", N__c=12.345)
        assert api.query("SELECT N__c FROM Account")[0]["N__c"] == 12.35

    @pytest.mark.parametrize(
        ("name", "metadata", "code"),
        [
            ("Ref__c", TEXT, "FIELD_INTEGRITY_EXCEPTION"),
            ("Account.Ref", TEXT, "FIELD_INTEGRITY_EXCEPTION"),
            ("Nothing.Ref__c", TEXT, "NOT_FOUND"),
            ("Account.Ref__c", {"type": "Text", "label": "x"}, "FIELD_INTEGRITY_EXCEPTION"),
            ("Account.Ref__c", {"type": "Text", "length": 5}, "FIELD_INTEGRITY_EXCEPTION"),
            ("Account.Ref__c", {"type": "Formula", "label": "x"}, "INVALID_TYPE"),
        ],
    )
    def test_fields_that_cannot_be(
        self, api: Api, name: str, metadata: dict[str, Any], code: str
    ) -> None:
        body = {"FullName": name, "Metadata": metadata}
        assert api.error("POST", "/tooling/sobjects/CustomField", body)[1]["errorCode"] == code

    def test_a_second_field_of_the_name_is_refused_and_the_first_is_found(self, api: Api) -> None:
        key = make_field(api)
        body = {"FullName": "Account.Ref__c", "Metadata": TEXT}
        assert (
            api.error("POST", "/tooling/sobjects/CustomField", body)[1]["errorCode"]
            == "DUPLICATE_DEVELOPER_NAME"
        )
        soql = "SELECT Id, DeveloperName FROM CustomField WHERE TableEnumOrId = 'Account' AND DeveloperName = 'Ref'"
        assert [r["Id"] for r in api.get("/tooling/query", q=soql)["records"]] == [key]

    def test_removing_it_takes_values_and_permissions_along(self, api: Api) -> None:
        key = make_field(api)
        grant(api)
        api.create("Account", Name="A", Ref__c="1")
        assert api.call("DELETE", f"/tooling/sobjects/CustomField/{key}").status == 204
        assert described(api, "Ref__c") is None
        assert api.query("SELECT Id FROM FieldPermissions") == []
        make_field(api)
        grant_again = {"SobjectType": "Account", "Field": "Account.Ref__c", "PermissionsRead": True}
        (permission_set,) = api.query("SELECT Id FROM PermissionSet")
        api.create("FieldPermissions", ParentId=permission_set["Id"], **grant_again)
        assert api.query("SELECT Ref__c FROM Account")[0]["Ref__c"] is None


def test_a_standard_field_may_be_hidden_or_read_only(api: Api) -> None:
    api.twin.configure({"hidden": ["Account.Phone"], "read_only": ["Account.Website"]})
    assert described(api, "Phone") is None
    website = described(api, "Website")
    assert website is not None
    assert website["updateable"] is False
    assert (
        api.error("GET", "/query", q="SELECT Phone FROM Account")[1]["errorCode"] == "INVALID_FIELD"
    )
    code = api.error("POST", "/sobjects/Account", {"Name": "A", "Website": "x"})[1]["errorCode"]
    assert code == "INVALID_FIELD_FOR_INSERT_UPDATE"


class TestSigningIn:
    def ask(
        self, api: Api, form: dict[str, str], *, basic: tuple[str, str] | None = None
    ) -> Answer:
        headers = {}
        if basic:
            headers["authorization"] = (
                "Basic " + base64.b64encode(":".join(basic).encode()).decode()
            )
        call = Call(
            method="POST",
            path="/services/oauth2/token",
            headers=headers,
            body=urlencode(form).encode(),
            base_url="http://127.0.0.1:1",
        )
        return api.twin.handle(call)

    def jwt(self, api: Api, key: rsa.RSAPrivateKey | None = None, **claims: Any) -> dict[str, str]:
        known = api.twin.credentials()
        if key is None:
            loaded = load_pem_private_key(known["private_key"].encode(), None)
            assert isinstance(loaded, rsa.RSAPrivateKey)
            key = loaded
        told = {
            "iss": known["client_id"],
            "sub": known["username"],
            "aud": "https://login.salesforce.com",
            "exp": str(int(START.timestamp()) + 180),
        }
        parts = [json.dumps(p).encode() for p in ({"alg": "RS256"}, told | claims)]
        head = ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts)
        signature = base64.urlsafe_b64encode(
            key.sign(head.encode(), padding.PKCS1v15(), SHA256())
        ).decode()
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": f"{head}.{signature.rstrip('=')}",
        }

    def test_a_signed_assertion_opens_a_session(self, api: Api) -> None:
        answer = self.ask(api, self.jwt(api))
        assert answer.status == 200
        assert set(answer.body) == {"access_token", "scope", "instance_url", "id", "token_type"}
        assert answer.body["instance_url"] == "http://127.0.0.1:1"
        headers = {"authorization": f"Bearer {answer.body['access_token']}"}
        assert (
            api.twin.handle(
                Call(method="GET", path="/services/data/v67.0/sobjects", headers=headers)
            ).status
            == 200
        )

    @pytest.mark.parametrize(
        ("claims", "error"),
        [
            ({"iss": "nobody"}, "invalid_client_id"),
            ({"sub": "nobody@twin.example"}, "invalid_grant"),
            ({"aud": "https://elsewhere.example"}, "invalid_grant"),
            ({"exp": int(START.timestamp()) - 1}, "invalid_grant"),
            ({"exp": "soon"}, "invalid_grant"),
        ],
    )
    def test_an_assertion_that_claims_something_else_is_refused(
        self, api: Api, claims: dict[str, Any], error: str
    ) -> None:
        answer = self.ask(api, self.jwt(api, **claims))
        assert (answer.status, answer.body["error"]) == (400, error)
        assert answer.body["error_description"]

    def test_a_foreign_signature_is_refused(self, api: Api) -> None:
        foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        assert self.ask(api, self.jwt(api, foreign)).body["error"] == "invalid_grant"
        assert self.ask(api, self.jwt(api) | {"assertion": "x.y"}).body["error"] == "invalid_grant"

    def test_client_credentials_in_the_form_or_as_basic(self, api: Api) -> None:
        known = api.twin.credentials()
        form = {"grant_type": "client_credentials"}
        pair = (known["client_id"], known["client_secret"])
        assert self.ask(api, form | {"client_id": pair[0], "client_secret": pair[1]}).status == 200
        assert self.ask(api, form, basic=pair).status == 200
        assert self.ask(api, form, basic=(pair[0], "x")).body["error"] == "invalid_client"
        assert self.ask(api, form, basic=("x", pair[1])).body["error"] == "invalid_client_id"

    def test_the_flow_with_a_password_is_gone(self, api: Api) -> None:
        form = {"grant_type": "password", "username": "x", "password": "y"}
        assert self.ask(api, form).body["error"] == "unsupported_grant_type"
