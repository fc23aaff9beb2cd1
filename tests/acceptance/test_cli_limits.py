"""Too much at once: what plan, sync, status and approve show, and how it is let go."""

from __future__ import annotations

import pytest

from .shop import Shop

COUNT = 30


@pytest.fixture
def crowded(fresh: Shop) -> Shop:
    """Thirty-two linked customers."""
    with fresh.crm() as crm:
        for n in range(COUNT):
            crm.add("customer", {"Name": f"Kestrel {n:02}", "Website": f"kestrel{n:02}.example"})
    assert fresh.go().code == 0
    return fresh


def edit(shop: Shop, **cells: object) -> None:
    with shop.crm() as crm:
        for record_id, row in crm.all("customer").items():
            if row["Name"].startswith("Kestrel"):
                crm.edit("customer", record_id, dict(cells))


def webs(shop: Shop) -> list[str | None]:
    with shop.erp() as erp:
        return [r["web"] for r in erp.all("customer").values() if r["name"].startswith("Kestrel")]


def test_a_sync_stops_tells_and_ends_with_three(crowded: Shop) -> None:
    edit(crowded, Website=None)
    result = crowded.do("sync", "--once")
    assert result.code == 3
    assert "30 customer records would lose a value in the ERP" in result.flat
    assert "interlock approve --stop 1" in result.flat
    assert None not in webs(crowded)
    out = crowded.do("status").flat
    assert "Stopped #1 erp customer blank" in out
    assert "30 writes to be approved" in out


def test_a_plan_shows_what_is_stopped_and_approve_what_it_lets_go(crowded: Shop) -> None:
    edit(crowded, Website=None)
    plan = crowded.do("plan")
    assert plan.code == 0
    assert "stopped: blank" in plan.out
    assert "more than the 20 a day" in plan.flat
    result = crowded.do("approve")
    assert result.code == 0
    assert "erp: 30 customers to lose a value, stopped at 20; about 1 call" in result.flat
    assert "website kestrel00.example -> (blank)" in result.flat
    assert "… and 27 more" in result.out
    assert crowded.do("sync", "--once").code == 0
    assert set(webs(crowded)) == {None}
    assert "Stopped" not in crowded.do("status").out


def test_a_part_of_a_plan_is_approved_by_kind_and_entity(crowded: Shop) -> None:
    edit(crowded, Website=None)
    with crowded.crm() as crm:
        for n in range(25):
            crm.add("customer", {"Name": f"Heron {n:02}"})
    crowded.do("plan")
    assert [s["kind"] for s in crowded.do("status", "--json").json["stops"]] == ["blank", "create"]
    done = crowded.do("approve", "--kind", "create", "--entity", "customer", "--json")
    assert done.code == 0
    assert done.json["released"] == 25
    [group] = done.json["groups"]
    assert (group["system"], group["kind"], group["count"], group["limit"]) == (
        "erp", "create", 25, 20,
    )  # fmt: skip
    assert group["calls"] > 0
    assert group["samples"][0]["fields"]
    crowded.do("sync", "--once")
    assert None not in webs(crowded)
    assert [s["kind"] for s in crowded.do("status", "--json").json["stops"]] == ["blank"]


def test_only_what_was_shown_is_approved(crowded: Shop) -> None:
    edit(crowded, Website=None)
    crowded.do("plan")
    with crowded.crm() as crm:
        beta = next(i for i, r in crm.all("customer").items() if r["Name"] == "Beta LLC")
        crm.edit("customer", beta, {"Website": None})
    crowded.do("sync", "--once")
    result = crowded.do("approve", "--stop", "1")
    assert result.code == 3
    assert "30 writes approved" in result.flat
    assert "1 write came after the plan was shown" in result.flat
    crowded.do("sync", "--once")
    assert crowded.erp_customer("Beta LLC")[1]["web"] is not None


def test_without_a_plan_nothing_can_be_approved(crowded: Shop) -> None:
    edit(crowded, Website=None)
    crowded.do("sync", "--once")
    result = crowded.do("approve", "--stop", "1")
    assert result.code == 3
    assert "30 writes came after the plan was shown" in result.flat
    crowded.do("sync", "--once")
    assert None not in webs(crowded)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--stop", "99"), "there is no stop 99"),
        (("--kind", "destroy"), "'destroy' is no kind of write"),
        (("--entity", "costumer"), "'costumer' is no entity"),
        (("--link", "1"), "--link and --field belong together"),
        (("--link", "1", "--field", "website"), "website of link 1 is not parked"),
        (("--link", "4711", "--field", "website"), "website of link 4711 is not parked"),
    ],
)
def test_a_wrong_choice_is_told(shop: Shop, options: tuple[str, ...], why: str) -> None:
    result = shop.do("approve", *options)
    assert result.code == 2
    assert why in result.flat


def test_a_parked_field_is_shown_and_released(shop: Shop) -> None:
    erp_id, _ = shop.erp_customer("Acme Inc.")
    for n in range(5):
        with shop.erp() as erp:
            erp.edit("customer", erp_id, {"web": f"rival{n}.example"})
        result = shop.do("sync", "--once")
    assert "1 field left different on the two sides" in result.flat
    [field] = shop.do("status", "--json").json["open_fields"]
    assert (field["field"], field["kind"]) == ("website", "parked")
    assert "acme.example" in str(field["values"]["crm"])
    assert field["values"]["erp"] == "rival4.example"
    out = shop.do("status").flat
    assert f"interlock approve --link {field['link']} --field website" in out
    released = shop.do("approve", "--link", field["link"], "--field", "website")
    assert released.code == 0
    assert shop.do("sync", "--once").code == 0
    assert "acme.example" in shop.erp_customer("Acme Inc.")[1]["web"]
    events = shop.do("explain", "customer", erp_id, "website", "--json").out
    assert "released by" in events


def test_limits_are_read_from_the_project(crowded: Shop) -> None:
    crowded.write("orders:", "limits:\n  customer: {blank: 40}\norders:")
    edit(crowded, Website=None)
    assert crowded.do("sync", "--once").code == 0
    assert set(webs(crowded)) == {None}
    crowded.write("  customer: {blank: 40}", "  costumer: {blank: 40}")
    result = crowded.do("status")
    assert result.code == 2
    assert "costumer is no entity" in result.flat
