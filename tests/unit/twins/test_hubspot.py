"""The HubSpot twin where HubSpot's own client does not reach."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from interlock.twins.faults import Fault, FaultKind
from interlock.twins.twin import UserError

from .hubspot_api import REFERENCE, START, Api, where


@pytest.fixture
def api() -> Api:
    return Api()


class TestSearch:
    @pytest.fixture
    def three(self, api: Api) -> Api:
        for name, size in (("Alpha", 10), ("Beta", 9), ("Gamma", None)):
            extra = {} if size is None else {"numberofemployees": size}
            api.create("companies", name=name, **extra)
            api.clock.advance(timedelta(minutes=1))
        return api

    @pytest.mark.parametrize(
        ("condition", "names"),
        [
            (where("name", "EQ", "ALPHA"), ["Alpha"]),
            (where("name", "NEQ", "Alpha"), ["Beta", "Gamma"]),
            (where("name", "IN", values=["alpha", "gamma"]), ["Alpha", "Gamma"]),
            (where("name", "NOT_IN", values=["alpha"]), ["Beta", "Gamma"]),
            (where("name", "CONTAINS_TOKEN", "*amm*"), ["Gamma"]),
            (where("numberofemployees", "GT", 9), ["Alpha"]),
            (where("numberofemployees", "GTE", 9), ["Alpha", "Beta"]),
            (where("numberofemployees", "LT", 10), ["Beta"]),
            (where("numberofemployees", "LTE", 10), ["Alpha", "Beta"]),
            (where("numberofemployees", "BETWEEN", 5, highValue="9"), ["Beta"]),
            (where("numberofemployees", "HAS_PROPERTY"), ["Alpha", "Beta"]),
            (where("numberofemployees", "NOT_HAS_PROPERTY"), ["Gamma"]),
            (where("hs_lastmodifieddate", "GTE", "2026-03-02T09:01:00Z"), ["Beta", "Gamma"]),
        ],
    )
    def test_operators(self, three: Api, condition: dict[str, Any], names: list[str]) -> None:
        assert three.found("companies", condition) == names

    def test_a_time_may_be_given_in_milliseconds(self, three: Api) -> None:
        second = int((START + timedelta(minutes=1)).timestamp() * 1000)
        assert three.found(
            "companies", where("hs_lastmodifieddate", "GTE", second),
            where("hs_lastmodifieddate", "LTE", second),
        ) == ["Beta"]  # fmt: skip

    def test_numbers_sort_as_numbers_and_blanks_come_last(self, three: Api) -> None:
        sort = [{"propertyName": "numberofemployees", "direction": "ASCENDING"}]
        assert three.found("companies", sorts=sort, filterGroups=[]) == ["Beta", "Alpha", "Gamma"]

    def test_groups_are_alternatives(self, three: Api) -> None:
        groups = [{"filters": [where("name", "EQ", n)]} for n in ("Alpha", "Beta")]
        assert three.found("companies", filterGroups=groups) == ["Alpha", "Beta"]

    def test_archived_and_merged_records_never_appear(self, three: Api) -> None:
        ids = {row["name"]: row["id"] for row in three.twin.shown("companies")}
        three.objects("DELETE", f"companies/{ids['Alpha']}")
        three.twin.merge("companies", ids["Beta"], [ids["Gamma"]])
        assert three.found("companies") == ["Beta"]

    def test_the_index_lags_behind_the_records(self, three: Api) -> None:
        three.twin.faults.arm(Fault(kind=FaultKind.INDEX_LAG, seconds=90))
        assert three.found("companies") == ["Alpha", "Beta"]
        assert len(three.objects("GET", "companies")["results"]) == 3

    @pytest.mark.parametrize(
        "body",
        [{"limit": 0}, {"limit": "many"}, {"filterGroups": [{"filters": [where("name", "LIKE", 1)]}]},
         {"filterGroups": [{"filters": [where("name", "EQ", 1)] * 7}]},
         {"filterGroups": [{"filters": [where("name", "EQ")]}]},
         {"filterGroups": [{"filters": [where("name", "IN", values=[])]}]},
         {"filterGroups": [{"filters": [where("numberofemployees", "GT", "x")]}]},
         {"filterGroups": "all"}, {"sorts": [{"propertyName": "nope"}]}],
    )  # fmt: skip
    def test_what_it_does_not_understand_is_refused(self, api: Api, body: dict[str, Any]) -> None:
        status, error = api.error("POST", "companies/search", body)
        assert (status, error["category"]) == (400, "VALIDATION_ERROR")


class TestRecords:
    @pytest.mark.parametrize("version", ["2026-03", "2026-09"])
    def test_dated_paths(self, version: str) -> None:
        api = Api(version=version)
        key = api.create("companies", name="A")
        assert api.objects("GET", f"0-2/{key}", properties="name")["properties"]["name"] == "A"

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", "/crm/objects/2025-01/companies", 404), ("GET", "/crm/v4/objects/companies", 404),
         ("GET", "/crm/v3/associations/contacts/companies/labels", 404),
         ("PUT", "/crm/objects/2026-03/companies", 405), ("GET", "/nothing", 404),
         ("GET", "/crm/objects/2026-03/unicorns", 400)],
    )  # fmt: skip
    def test_paths_there_are_not(self, api: Api, method: str, path: str, status: int) -> None:
        assert api.call(method, path).status == status

    @pytest.mark.parametrize(
        ("values", "code"),
        [({"nope": "1"}, "PROPERTY_DOESNT_EXIST"), ({"hs_object_id": "1"}, "READ_ONLY_VALUE"),
         ({"numberofemployees": "many"}, "INVALID_NUMBER"), ({"industry": "MAGIC"}, "INVALID_OPTION"),
         ({"hubspot_owner_id": "1"}, "INVALID_OPTION"), ({"name": ["x"]}, "INVALID_TYPE"),
         ({"name": "x" * 65_537}, "PROPERTY_VALUE_TOO_LONG")],
    )  # fmt: skip
    def test_bad_values(self, api: Api, values: dict[str, Any], code: str) -> None:
        status, error = api.error("POST", "companies", {"properties": values, "associations": []})
        assert (status, error["errors"][0]["code"]) == (400, code)
        assert error["errors"][0]["context"] == {"propertyName": list(values)}

    @pytest.mark.parametrize("body", [{}, {"properties": 1}, [], {"inputs": []}])
    def test_bodies_of_another_form(self, api: Api, body: Any) -> None:
        assert api.error("POST", "companies", body)[0] == 400

    def test_more_than_a_hundred_inputs_are_refused(self, api: Api) -> None:
        inputs = [{"id": str(n)} for n in range(101)]
        assert api.error("POST", "companies/batch/read", {"inputs": inputs})[0] == 400

    def test_a_value_of_a_unique_property_is_free_again_when_its_record_is_archived(
        self, api: Api
    ) -> None:
        key = api.create("companies", name="A", ref="r1")
        body = {"properties": {"name": "B", "ref": "R1"}, "associations": []}
        assert api.error("POST", "companies", body)[0] == 409
        api.call("DELETE", f"/crm/objects/2026-03/companies/{key}")
        assert api.create("companies", **body["properties"])  # type: ignore[arg-type]

    def test_a_create_that_is_not_visible_yet_holds_its_unique_value(self, api: Api) -> None:
        with api.twin.storage.delayed(timedelta(hours=1)):
            api.create("companies", name="A", ref="r1")
        body = {"properties": {"name": "B", "ref": "r1"}, "associations": []}
        assert api.error("POST", "companies", body)[0] == 409

    def test_upsert_wants_a_unique_property(self, api: Api) -> None:
        item = {"id": "A", "idProperty": "name", "properties": {"city": "x"}}
        status, error = api.error("POST", "companies/batch/upsert", {"inputs": [item]})
        assert status == 400
        assert "not a unique property" in error["message"]

    def test_a_create_whose_association_fails_leaves_nothing_behind(self, api: Api) -> None:
        ends = [{"to": {"id": "5"}, "types": [
            {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]}]  # fmt: skip
        body = {"properties": {"lastname": "A"}, "associations": ends}
        assert api.error("POST", "contacts", body)[0] == 404
        assert api.twin.shown("contacts") == []

    def test_hidden_properties_are_left_out_not_blank(self, api: Api) -> None:
        key = api.create("companies", name="A", phone="1")
        api.twin.configure({"hidden": ["companies.phone"]})
        shown = api.objects("GET", f"companies/{key}", properties="name,phone,city")["properties"]
        assert "phone" not in shown
        assert shown["city"] is None

    def test_a_locked_record_is_423(self, api: Api) -> None:
        api.twin.faults.arm(Fault(kind=FaultKind.ROW_LOCKED, times=1))
        body = {"properties": {"name": "A"}, "associations": []}
        assert api.error("POST", "companies", body)[0] == 423

    def test_line_items_copy_their_product_and_are_summed_up(self, api: Api) -> None:
        product = api.create("products", name="Pump", hs_sku="P-1", price="100")
        line = api.create("line_items", hs_product_id=product, quantity="3",
                          hs_discount_percentage="10")  # fmt: skip
        api.call("PATCH", f"/crm/objects/2026-03/products/{product}",
                 {"properties": {"price": "999"}})  # fmt: skip
        shown = api.objects("GET", f"line_items/{line}", properties="name,hs_sku,price,amount")
        assert {k: shown["properties"][k] for k in ("name", "hs_sku", "price", "amount")} == {
            "name": "Pump", "hs_sku": "P-1", "price": "100", "amount": "270.00",
        }  # fmt: skip

    def test_products_are_not_merged(self, api: Api) -> None:
        one, other = (api.create("products", name=n) for n in "AB")
        body = {"primaryObjectId": one, "objectIdToMerge": other}
        assert api.error("POST", "products/merge", body)[0] == 400


class TestAssociations:
    def test_one_company_is_primary_and_the_new_one_takes_its_place(self, api: Api) -> None:
        contact = api.create("contacts", lastname="Ann")
        one, other = (api.create("companies", name=n) for n in "AB")
        path = "/crm/associations/2026-03/contacts/companies"
        for company, types in ((one, []), (other, [279]), (other, [1])):
            spec = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": n}
                    for n in types]  # fmt: skip
            tie = {"from": {"id": contact}, "to": {"id": company}, "types": spec}
            api.ok("POST", f"{path}/batch/create", {"inputs": [tie]})
        (found,) = api.ok("POST", f"{path}/batch/read", {"inputs": [{"id": contact}]})["results"]
        labels = {
            end["toObjectId"]: [t["label"] for t in end["associationTypes"]] for end in found["to"]
        }
        assert labels == {one: [None], other: ["Primary", None]}
        back = api.objects("GET", f"companies/{other}/associations/contacts")["results"]
        assert back[0]["toObjectId"] == contact

    def test_records_without_any_are_named(self, api: Api) -> None:
        contact = api.create("contacts", lastname="Ann")
        answer = api.call("POST", "/crm/associations/2026-03/contacts/companies/batch/read",
                          {"inputs": [{"id": contact}]})  # fmt: skip
        assert answer.status == 207
        assert answer.body["errors"][0]["context"] == {"fromObjectId": [contact]}

    def test_types_that_are_not_of_these_records_are_refused(self, api: Api) -> None:
        contact, company = api.create("contacts", lastname="A"), api.create("companies", name="B")
        body = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}]
        path = f"contacts/{contact}/associations/companies/{company}"
        assert api.error("PUT", path, body)[0] == 400


class TestProperties:
    @pytest.mark.parametrize(
        "change",
        [{"type": "enumeration", "fieldType": "select"}, {"fieldType": "number"}, {"label": ""},
         {"name": "Big Name"}, {"groupName": "nowhere"}],
    )  # fmt: skip
    def test_definitions_that_do_not_hold_together(self, api: Api, change: Any) -> None:
        body = {"name": "x", "label": "X", "type": "string", "fieldType": "text",
                "groupName": "companyinformation", **change}  # fmt: skip
        assert api.call("POST", "/crm/properties/2026-03/companies", body).status == 400

    def test_ten_unique_ones_a_type(self, api: Api) -> None:
        body = {"label": "X", "groupName": "companyinformation", **REFERENCE}
        path = "/crm/properties/2026-03/companies"
        answers = [api.call("POST", path, {**body, "name": f"u{n}"}).status for n in range(10)]
        assert answers == [201] * 9 + [400]


class TestLimits:
    def test_the_calls_of_ten_seconds(self, api: Api) -> None:
        api.twin.configure({"calls_in_10_seconds": 3})
        assert [api.call("GET", "/crm/owners/2026-03").status for _ in range(4)] == [200] * 3 + [
            429
        ]
        api.clock.advance(timedelta(seconds=10))
        assert api.call("GET", "/crm/owners/2026-03").status == 200

    def test_searches_count_by_themselves(self, api: Api) -> None:
        api.twin.configure({"calls_in_10_seconds": 1, "searches_a_second": 2})
        codes = [
            api.call("POST", "/crm/objects/2026-03/companies/search", {}).status for _ in range(3)
        ]
        assert codes == [200, 200, 429]
        assert api.call("GET", "/crm/owners/2026-03").status == 200

    def test_calls_are_counted_without_ids_and_versions(self, api: Api) -> None:
        from interlock.twins.calls import Call

        kinds = {
            api.twin.kind(Call(method="GET", path=path))
            for path in (
                "/crm/objects/2026-03/deals/10000000009",
                "/crm/v3/objects/deals/10000000008",
            )
        }
        assert kinds == {"GET /deals/ID"}


class TestPerson:
    def test_an_archived_record_is_taken_back(self, api: Api) -> None:
        key = api.twin.insert("companies", {"name": "A"})
        api.twin.delete("companies", key)
        assert api.found("companies") == []
        api.twin.update("companies", key, {"archived": False})
        assert api.found("companies") == ["A"]

    @pytest.mark.parametrize(
        "act",
        [lambda t: t.insert("unicorns", {}), lambda t: t.update("companies", "1", {"name": "A"}),
         lambda t: t.insert("companies", {"nope": "1"}), lambda t: t.configure({"nope": 1}),
         lambda t: t.configure({"properties": {"companies.x": {"type": "magic"}}}),
         lambda t: t.merge("companies", "1", ["2"])],
    )  # fmt: skip
    def test_what_cannot_be_done_is_told(self, api: Api, act: Any) -> None:
        with pytest.raises(UserError):
            act(api.twin)

    def test_settings_can_be_read_and_given_back(self, api: Api) -> None:
        shown = dict(api.twin.settings())
        api.twin.configure(shown)
        assert api.twin.settings() == shown

    def test_the_seed_is_the_company_of_the_other_twins(self) -> None:
        from interlock.twins.salesforce import make as salesforce

        api = Api(seed="small")
        theirs = {row["Name"] for row in salesforce(seed="small").shown("Account")}
        assert {row["name"] for row in api.twin.shown("companies")} == theirs
        ends = {row["to"] for row in api.twin.shown("associations")}
        assert ends == {"companies", "contacts", "deals", "line_items"}
