"""Looking closer: explain and links."""

from __future__ import annotations

import pytest

from .shop import Shop


def test_explain_shows_both_values_their_owner_and_where_they_came_from(shop: Shop) -> None:
    number, _ = shop.erp_customer("Acme Inc.")
    result = shop.do("explain", "customer", "001-0000001")
    assert result.code == 0
    assert "website: agrees crm owns it; an edit in erp is put back" in result.flat
    assert "crm https://acme.example entered there" in result.flat
    assert "erp https://acme.example written by Interlock" in result.flat
    assert "created from the other side" in result.flat
    assert f"erp customer {number}, present" in result.flat
    assert "made by Interlock (il-" in result.flat


def test_explain_takes_the_id_of_either_system(shop: Shop) -> None:
    number, _ = shop.erp_customer("Acme Inc.")
    one = shop.do("explain", "customer", "001-0000001", "--json").json
    other = shop.do("explain", "customer", number, "--json").json
    assert one == other
    assert {r["id"] for r in one["records"]} == {"001-0000001", number}


def test_explain_tells_who_was_overruled_when_and_by_which_map(shop: Shop) -> None:
    number, _ = shop.erp_customer("Acme Inc.")
    with shop.erp() as erp:
        erp.edit("customer", number, {"web": "https://wrong.example"})
    shop.do("sync", "--once")
    result = shop.do("explain", "customer", "001-0000001", "website")
    assert "overruled in erp https://wrong.example -> https://acme.example" in result.flat
    assert "put back: CRM owns the field; the earlier value gave way to crm's (map " in result.flat
    (field,) = shop.do("explain", "customer", number, "website", "--json").json["fields"]
    newest = field["history"][0]
    assert (newest["event"], newest["old"]) == ("overruled", "https://wrong.example")
    assert newest["map_version"]
    assert newest["at"]
    assert field["owner"] == "crm"
    assert field["systems"]["erp"]["agreed"] == "https://acme.example"


def test_explain_tells_what_is_about_to_happen(shop: Shop) -> None:
    with shop.crm() as crm:
        crm.edit("customer", "001-0000001", {"Phone": "+1 555 0199"})
    shop.do("plan")
    out = shop.do("explain", "customer", "001-0000001", "phone").flat
    assert "phone: to be written" in out
    assert "to erp at the next sync: changed in the CRM" in out
    assert "when both last agreed, crm showed +1 555 0100" in out


def test_explain_tells_why_a_record_has_no_counterpart(shop: Shop) -> None:
    out = shop.do("explain", "customer", "1").flat
    assert "Not linked: it has no counterpart, and the ownership map creates none." in out
    assert "Old Friends GmbH" in out


def test_explain_of_an_order_leads_to_its_deal(shop: Shop) -> None:
    from .test_cli_daily import deal

    with shop.crm() as crm:
        crm.add("deal", deal("W-1"))
    shop.do("sync", "--once")
    order = shop.do("explain", "order", "1").flat
    assert "deal 006-0000001" in order
    assert "2 x W-1 at 10.00" in order
    assert "won deal" in order
    the_deal = shop.do("explain", "deal", "006-0000001").flat
    assert "order number: agrees" in the_deal
    assert "crm SO00001 written by Interlock" in the_deal


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("custmer", "1"), "did you mean 'customer'"),
        (("customer", "77"), "no customer 77 in crm or erp"),
        (("customer", "1", "wbsite"), "did you mean 'website'"),
        (("customer", "1", "--system", "sap"), "known are: crm, erp"),
    ],
)
def test_explain_of_nothing_says_what_there_is(
    shop: Shop, arguments: tuple[str, ...], says: str
) -> None:
    result = shop.do("explain", *arguments)
    assert result.code == 2
    assert says in result.flat


def test_links_are_listed_and_shown(shop: Shop) -> None:
    listed = shop.do("links", "list")
    assert "crm 001-0000001 Acme Inc." in listed.flat
    everything = shop.do("links", "list", "--json").json
    assert everything["total"] == len(everything["links"]) == 4
    contacts = shop.do("links", "list", "contact", "--json").json
    assert [x["entity"] for x in contacts["links"]] == ["contact"]
    number = contacts["links"][0]["id"]
    by_number = shop.do("links", "show", number, "--json").json
    by_record = shop.do("links", "show", "contact", "003-0000001", "--json").json
    assert by_number == by_record
    assert by_number["members"]["crm"]["label"] == "Jo Doe"


def test_undoing_a_link_is_asked_for_and_lasts(shop: Shop) -> None:
    asked = shop.do("links", "undo", "customer", "001-0000002")
    assert asked.code == 2
    assert "--yes" in asked.err
    undone = shop.do("links", "undo", "customer", "001-0000002", "--yes", "--reason", "a branch")
    assert undone.code == 0
    assert "are not the same customer" in undone.out
    for _ in range(2):
        again = shop.do("sync", "--once", "--full", "--json")
        assert (again.code, again.json["linked"], again.json["created"]) == (0, 0, 0)
    story = shop.do("explain", "customer", "001-0000002").flat
    assert "Not linked: its link was undone by a person" in story
    assert "a branch" in story
    assert "1 unlinked by a person in crm" in shop.do("status").flat


def test_a_link_that_is_not_there_is_said_to_be_so(shop: Shop) -> None:
    assert shop.do("links", "show", 999).code == 2
    assert shop.do("links", "show", "customer", "77").code == 2
    assert "not the number" in shop.do("links", "show", "customer").err
    assert shop.do("links", "undo", 999, "--yes", "--json").json["error"]["message"]
