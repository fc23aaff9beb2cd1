"""hubspot-api-client, HubSpot's own client for Python, at work on the twin.

It speaks the older paths (v3, v4); the twin answers the dated ones with the same handlers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from interlock.twins.faults import Fault, FaultKind
from interlock.twins.hubspot import HubSpotTwin, make
from interlock.twins.serving import running

hubspot = pytest.importorskip("hubspot")
from hubspot.crm import associations, companies, contacts, deals, line_items, objects, properties  # noqa: E402

REFERENCE = {"label": "Ref", "type": "string", "fieldType": "text", "hasUniqueValue": True}


@pytest.fixture
def portal() -> Iterator[tuple[HubSpotTwin, Any]]:
    """A small company, and the client pointed at it."""
    twin = make(seed="small")
    twin.configure({"properties": {"companies.our_ref": REFERENCE}})
    with running(twin) as served:
        yield twin, hubspot.HubSpot(access_token=twin.token, host=served.url)


def _trace(value: int) -> str:
    return f"t{value}"


class TestReading:
    def test_get_all_walks_all_pages(self, portal: tuple[HubSpotTwin, Any]) -> None:
        twin, client = portal
        for number in range(150):
            twin.insert("companies", {"name": f"More {number}"})
        found = client.crm.companies.get_all(properties=["name", "phone"])
        assert len(found) == len({one.id for one in found}) == 162
        assert twin.log.kinds == {"GET /companies": 2}
        assert found[-1].properties["phone"] is None
        assert found[-1].created_at.tzinfo is not None

    def test_search_with_filters_sort_and_pages(self, portal: tuple[HubSpotTwin, Any]) -> None:
        _, client = portal
        request = companies.PublicObjectSearchRequest(
            filter_groups=[{"filters": [
                {"propertyName": "country", "operator": "IN", "values": ["germany", "France"]},
                {"propertyName": "name", "operator": "HAS_PROPERTY"},
            ]}],
            sorts=[{"propertyName": "name", "direction": "ASCENDING"}],
            properties=["name", "country"], limit=2, after="0",
        )  # fmt: skip
        first = client.crm.companies.search_api.do_search(request)
        assert first.total > 2
        assert {one.properties["country"] for one in first.results} <= {"Germany", "France"}
        request.after = first.paging.next.after
        second = client.crm.companies.search_api.do_search(request)
        names = [one.properties["name"] for one in (*first.results, *second.results)]
        assert names == sorted(names, key=str.casefold)
        assert len(set(names)) == 4

    @pytest.mark.parametrize(
        ("field", "value"),
        [("limit", 201), ("after", "9901"), ("sorts", ["name", "city"]),
         ("filter_groups", [{"filters": []}] * 6),
         ("filter_groups", [{"filters": [{"propertyName": "nope", "operator": "EQ", "value": "1"}]}]),
         ("properties", ["x" * 100] * 40)],
    )  # fmt: skip
    def test_a_search_beyond_its_limits_is_refused(
        self, portal: tuple[HubSpotTwin, Any], field: str, value: Any
    ) -> None:
        request = companies.PublicObjectSearchRequest(limit=100, after="0")
        setattr(request, field, value)
        with pytest.raises(companies.ApiException) as caught:
            portal[1].crm.companies.search_api.do_search(request)
        assert caught.value.status == 400
        assert "VALIDATION_ERROR" in caught.value.body

    def test_batch_read_tells_the_unknown_apart(self, portal: tuple[HubSpotTwin, Any]) -> None:
        _, client = portal
        known = [one.id for one in client.crm.companies.get_all()][:3]
        answer = client.crm.companies.batch_api.read(
            companies.BatchReadInputSimplePublicObjectId(
                inputs=[{"id": key} for key in (*known, "999")], properties=["name"],
                properties_with_history=[],
            )
        )  # fmt: skip
        assert {one.id for one in answer.results} == set(known)
        assert answer.num_errors == 1
        assert answer.errors[0].category == "OBJECT_NOT_FOUND"
        assert answer.errors[0].context == {"ids": ["999"]}

    def test_archived_records_are_listed_by_themselves(
        self, portal: tuple[HubSpotTwin, Any]
    ) -> None:
        _, client = portal
        key = client.crm.companies.get_all()[0].id
        client.crm.companies.basic_api.archive(key)
        (gone,) = client.crm.companies.get_all(archived=True)
        assert (gone.id, gone.archived) == (key, True)
        assert gone.archived_at is not None
        with pytest.raises(companies.ApiException) as caught:
            client.crm.companies.basic_api.get_by_id(key)
        assert caught.value.status == 404

    def test_a_deal_leads_to_its_company_lines_and_stage(
        self, portal: tuple[HubSpotTwin, Any]
    ) -> None:
        _, client = portal
        deal = client.crm.deals.basic_api.get_page(
            limit=1, properties=["dealstage"], associations=["companies", "line_items"]
        ).results[0]
        assert {a.type for a in deal.associations["companies"].results} == {
            "deal_to_company", "deal_to_company_unlabeled",
        }  # fmt: skip
        lines = client.crm.line_items.batch_api.read(
            line_items.BatchReadInputSimplePublicObjectId(
                inputs=[{"id": a.id} for a in deal.associations["line items"].results],
                properties=["name", "price", "quantity", "amount", "hs_sku"],
                properties_with_history=[],
            )
        )
        for line in lines.results:
            values = line.properties
            assert float(values["price"]) * float(values["quantity"]) == pytest.approx(
                float(values["amount"])
            )
        (pipeline,) = client.crm.pipelines.pipelines_api.get_all("deals").results
        stages = {stage.id: stage.metadata for stage in pipeline.stages}
        assert stages["closedwon"]["probability"] == "1.0"
        assert deal.properties["dealstage"] in stages

    def test_owners(self, portal: tuple[HubSpotTwin, Any]) -> None:
        (owner,) = portal[1].crm.owners.get_all()
        assert owner.email == "sales@twin.example"


class TestWriting:
    def test_create_change_read_by_unique_property(self, portal: tuple[HubSpotTwin, Any]) -> None:
        _, client = portal
        api = client.crm.companies.basic_api
        made = api.create(
            companies.SimplePublicObjectInputForCreate(
                properties={"name": "Šimek", "our_ref": "a-1"}, associations=[]
            )
        )
        api.update(made.id, companies.SimplePublicObjectInput(properties={"city": "Brno"}))
        found = api.get_by_id("A-1", id_property="our_ref", properties=["name", "city"])
        assert (found.id, found.properties["name"], found.properties["city"]) == (
            made.id, "Šimek", "Brno",
        )  # fmt: skip
        api.update(made.id, companies.SimplePublicObjectInput(properties={"city": ""}))
        assert api.get_by_id(made.id, properties=["city"]).properties["city"] is None

    def test_upsert_says_what_is_new(self, portal: tuple[HubSpotTwin, Any]) -> None:
        _, client = portal

        def upsert() -> Any:
            return client.crm.companies.batch_api.upsert(
                companies.BatchInputSimplePublicObjectBatchInputUpsert(
                    inputs=[
                        {"id": f"r{n}", "idProperty": "our_ref", "properties": {"name": f"C{n}"},
                         "objectWriteTraceId": _trace(n)}
                        for n in range(3)
                    ]
                )
            )  # fmt: skip

        first, second = upsert(), upsert()
        assert {one.new for one in first.results} == {True}
        assert {one.new for one in second.results} == {False}
        assert {one.id for one in first.results} == {one.id for one in second.results}
        assert {one.object_write_trace_id for one in first.results} == {"t0", "t1", "t2"}

    def test_one_bad_input_of_a_batch_with_and_without_traces(
        self, portal: tuple[HubSpotTwin, Any]
    ) -> None:
        twin, client = portal

        def create(traced: bool) -> Any:
            inputs: list[dict[str, Any]] = [
                {"properties": {"name": f"B{n}"}, "associations": []} for n in range(3)
            ]
            inputs[1]["properties"] = {"city": "Nowhere"}
            for n, item in enumerate(inputs if traced else ()):
                item["objectWriteTraceId"] = _trace(n)
            return client.crm.companies.batch_api.create(
                companies.BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs)
            )

        before = len(twin.shown("companies"))
        with pytest.raises(companies.ApiException) as caught:
            create(traced=False)
        assert caught.value.status == 400
        assert len(twin.shown("companies")) == before
        answer = create(traced=True)
        assert len(answer.results) == 2
        (error,) = answer.errors
        assert (error.category, error.context["objectWriteTraceId"]) == (
            "VALIDATION_ERROR", ["t1"],
        )  # fmt: skip
        assert len(twin.shown("companies")) == before + 2

    def test_a_contact_is_made_with_its_company_and_moved_to_another(
        self, portal: tuple[HubSpotTwin, Any]
    ) -> None:
        _, client = portal
        one, other = [found.id for found in client.crm.companies.get_all()][:2]
        types = client.crm.associations.v4.schema.definitions_api.get_all("contacts", "companies")
        plain = next(item.type_id for item in types.results if item.label is None)
        made = client.crm.contacts.basic_api.create(
            contacts.SimplePublicObjectInputForCreate(
                properties={"email": "Ana@twin.example"},
                associations=[{
                    "to": {"id": one},
                    "types": [{"associationCategory": "HUBSPOT_DEFINED",
                               "associationTypeId": plain}],
                }],
            )
        )  # fmt: skip
        ties = client.crm.associations.v4.batch_api
        ties.archive(
            "contacts", "companies",
            associations.v4.BatchInputPublicAssociationMultiArchive(
                inputs=[{"from": {"id": made.id}, "to": [{"id": one}]}]
            ),
        )  # fmt: skip
        client.crm.associations.v4.basic_api.create_default("contacts", made.id, "companies", other)
        (tied,) = ties.get_page(
            "contacts", "companies",
            associations.v4.BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": made.id}]),
        ).results  # fmt: skip
        (end,) = tied.to
        assert str(end.to_object_id) == other
        assert {item.label for item in end.association_types} == {"Primary", None}

    def test_merged_records_become_a_new_one_both_ids_lead_to(
        self, portal: tuple[HubSpotTwin, Any]
    ) -> None:
        _, client = portal
        first, second = client.crm.companies.get_all(properties=["name"])[:2]
        client.crm.companies.basic_api.merge(
            companies.PublicMergeInput(
                primary_object_id=first.id, object_id_to_merge=second.id
            )
        )  # fmt: skip
        became = client.crm.companies.basic_api.get_by_id(
            second.id, properties=["name", "hs_merged_object_ids"]
        )
        assert became.id not in (first.id, second.id)
        assert became.properties["name"] == first.properties["name"]
        assert became.properties["hs_merged_object_ids"] == f"{first.id};{second.id}"
        assert client.crm.companies.basic_api.get_by_id(first.id).id == became.id

    def test_a_property_in_a_group_of_its_own(self, portal: tuple[HubSpotTwin, Any]) -> None:
        _, client = portal
        client.crm.properties.groups_api.create(
            "deals", properties.PropertyGroupCreate(name="ours", label="Ours", display_order=-1)
        )
        client.crm.properties.core_api.create(
            "deals",
            properties.PropertyCreate(
                name="order_status", label="Order status", type="enumeration", field_type="select",
                group_name="ours",
                options=[{"label": w, "value": w, "displayOrder": 0, "hidden": False}
                         for w in ("open", "done")],
            ),
        )  # fmt: skip
        made = client.crm.properties.core_api.get_by_name("deals", "order_status")
        assert [option.value for option in made.options] == ["open", "done"]
        deal = client.crm.deals.get_all()[0]
        with pytest.raises(deals.ApiException) as caught:
            client.crm.deals.basic_api.update(
                deal.id, deals.SimplePublicObjectInput(properties={"order_status": "lost"})
            )
        assert "was not one of the allowed options: [open, done]" in caught.value.body


class TestRefusals:
    def test_a_wrong_key_and_a_missing_scope(self, portal: tuple[HubSpotTwin, Any]) -> None:
        twin, client = portal
        client.access_token = "pat-eu1-nobody"
        with pytest.raises(companies.ApiException) as caught:
            client.crm.companies.basic_api.get_page()
        assert caught.value.status == 401
        client.access_token = twin.token
        twin.configure({"scopes": ["crm.objects.companies.read"]})
        client.crm.companies.basic_api.get_page()
        with pytest.raises(objects.ApiException) as refused:
            client.crm.objects.basic_api.get_page("contacts")
        assert refused.value.status == 403
        assert "MISSING_SCOPES" in refused.value.body

    def test_the_sixth_search_in_a_second_and_the_days_calls(
        self, portal: tuple[HubSpotTwin, Any]
    ) -> None:
        twin, client = portal
        twin.clock.stand(twin.clock())
        search = client.crm.companies.search_api.do_search
        request = companies.PublicObjectSearchRequest(limit=1)
        for _ in range(5):
            search(request)
        with pytest.raises(companies.ApiException) as caught:
            search(request)
        assert caught.value.status == 429
        assert '"policyName":"SECONDLY"' in caught.value.body
        client.crm.companies.basic_api.get_page()
        twin.faults.arm(Fault(kind=FaultKind.QUOTA_REACHED, times=1))
        with pytest.raises(companies.ApiException) as caught:
            client.crm.companies.basic_api.get_page()
        assert '"policyName":"DAILY"' in caught.value.body

    def test_the_headers_tell_what_is_left(self, portal: tuple[HubSpotTwin, Any]) -> None:
        _, client = portal
        _, _, headers = client.crm.companies.basic_api.get_page_with_http_info()
        assert headers["X-HubSpot-RateLimit-Remaining"] == "189"
        assert headers["X-HubSpot-RateLimit-Daily-Remaining"] == "249999"
