"""Every day: plan, approve, sync, status."""

from __future__ import annotations

from .shop import Shop


def test_a_plan_shows_every_value_and_writes_nothing(fresh: Shop) -> None:
    with fresh.erp() as erp:
        before = erp.all("customer")
    result = fresh.do("plan")
    assert result.code == 0
    assert "erp: 2 customers to create" in result.out
    assert "Acme Inc. [for crm 001-0000001]" in result.flat
    assert "billing address 1 Main St, 12345, Springfield, US" in result.flat
    assert "customer Acme Inc. (link" in result.flat, "a reference is shown by its name"
    assert "1 x erp customer: only in erp" in result.flat
    assert "wait for an approval" in result.flat
    with fresh.erp() as erp:
        assert erp.all("customer") == before


def test_a_plan_shows_old_and_new_with_the_reason(shop: Shop) -> None:
    with shop.crm() as crm:
        crm.edit("customer", "001-0000001", {"PaymentTerms": "Net 60", "Phone": "+1 555 0199"})
    out = shop.do("plan").flat
    assert "phone +1 555 0100 -> +1 555 0199 (changed in the CRM)" in out
    assert "payment terms net 60 -> net 30 (put back: ERP owns the field)" in out
    assert "The next `interlock sync --once` writes them." in out


def test_a_plan_as_json_is_complete_and_exact(fresh: Shop) -> None:
    result = fresh.do("plan", "--json")
    assert result.code == 0
    assert result.err == ""
    plan = result.json
    assert plan["calls"]["erp"] > 0
    acme = next(w for w in plan["writes"] if w["label"] == "Acme Inc." and w["system"] == "erp")
    assert acme["kind"] == "create"
    assert acme["needs_approval"] is True
    values = {f["field"]: f["new"] for f in acme["fields"]}
    assert values["billing_address"]["city"] == "Springfield"


def test_a_long_plan_is_cut_short_unless_all_is_asked_for(fresh: Shop) -> None:
    with fresh.crm() as crm:
        for number in range(20):
            crm.add("customer", {"Name": f"Company {number:02}"})
    short, full = fresh.do("plan").out, fresh.do("plan", "--all").out
    assert "… and 12 more (interlock plan --all)" in short
    assert "Company 19" not in short
    assert "Company 19" in full
    assert "more (interlock" not in full


def test_exit_code_four_tells_a_script_that_there_are_changes(shop: Shop) -> None:
    assert shop.do("plan", "--exit-code").code == 0
    with shop.crm() as crm:
        crm.edit("customer", "001-0000001", {"Phone": "+1 555 0199"})
    assert shop.do("plan").code == 0
    assert shop.do("plan", "--exit-code").code == 4


def test_nothing_is_written_before_it_is_approved(fresh: Shop) -> None:
    fresh.do("plan")
    unapproved = fresh.do("sync", "--once")
    assert unapproved.code == 3
    assert "Nothing was written." in unapproved.out
    assert "4 writes to be approved" in unapproved.out
    approved = fresh.do("approve", "--by", "Kim", "--json")
    assert approved.code == 0
    assert (approved.json["released"], approved.json["stale"]) == (4, 0)
    done = fresh.do("sync", "--once")
    assert done.code == 0
    assert "erp 2 customers created" in done.flat
    assert fresh.erp_customer("Acme Inc.")[1]["crm_id"] == "001-0000001"


def test_an_approval_holds_only_for_what_was_shown(fresh: Shop) -> None:
    fresh.do("plan")
    with fresh.crm() as crm:
        crm.edit("customer", "001-0000002", {"Name": "Beta Holding"})
    fresh.do("sync", "--once")
    result = fresh.do("approve")
    assert result.code == 3
    assert "1 write of the plan has changed" in result.out
    assert fresh.do("sync", "--once").code == 3
    with fresh.erp() as erp:
        assert "Beta Holding" not in {c["name"] for c in erp.all("customer").values()}


def test_approving_twice_or_without_a_plan_is_said_plainly(fresh: Shop) -> None:
    nothing = fresh.do("approve")
    assert nothing.code == 2
    assert "there is no plan yet" in nothing.err
    plan = fresh.do("plan", "--json").json["id"]
    assert fresh.do("approve", plan[:4]).code == 0
    again = fresh.do("approve", plan)
    assert again.code == 0
    assert "nothing in it waits for an approval" in again.out
    assert fresh.do("approve", "nonsense").code == 2


def test_a_sync_without_changes_says_that_both_agree(shop: Shop) -> None:
    result = shop.do("sync", "--once")
    assert result.code == 0
    assert result.out == "Nothing to do: both systems agree.\n"
    document = shop.do("sync", "--once", "--json")
    assert document.err == ""
    assert (document.json["created"], document.json["updated"]) == (0, 0)


def test_a_change_travels(shop: Shop) -> None:
    with shop.crm() as crm:
        crm.edit("customer", "001-0000001", {"Phone": "+1 555 0199"})
    result = shop.do("sync", "--once")
    assert result.code == 0
    assert "erp 1 customer changed" in result.flat
    assert shop.erp_customer("Acme Inc.")[1]["tel"] == "+1 555 0199"


def test_the_service_is_not_there_yet(shop: Shop) -> None:
    result = shop.do("sync")
    assert result.code == 2
    assert "serve" in result.err
    assert "sync --once" in result.err


def test_a_full_sync_reads_everything_again(shop: Shop) -> None:
    shop.do("sync", "--once")
    assert shop.do("sync", "--once", "--json").json["read"] == 0
    assert shop.do("sync", "--once", "--full", "--json").json["read"] > 0


def test_sync_lists_what_it_wrote_by_system(fresh: Shop) -> None:
    said = fresh.go().flat
    assert "erp 1 contact created" in said
    assert "erp 2 customers created" in said


def test_a_won_deal_becomes_an_order(shop: Shop) -> None:
    with shop.crm() as crm:
        crm.add("deal", deal("W-1"))
    result = shop.do("sync", "--once")
    assert result.code == 0
    assert "erp 1 order created" in result.flat
    with shop.crm() as crm:
        (won,) = crm.all("deal").values()
    assert won["OrderNumber__c"] == "SO00001"
    assert won["OrderStatus__c"] == "open"


def test_a_person_decides_between_two_changes(shop: Shop) -> None:
    shop.write("    phone:", "    phone: {owner: shared, conflict: manual, first_link: crm}",
               "ownership.yaml")  # fmt: skip
    shop.go()
    number, _ = shop.erp_customer("Acme Inc.")
    with shop.crm() as crm, shop.erp() as erp:
        crm.edit("customer", "001-0000001", {"Phone": "111"})
        erp.edit("customer", number, {"tel": "222"})
    result = shop.do("sync", "--once")
    assert result.code == 3
    assert "1 field changed on both sides" in result.out
    status = shop.do("status")
    assert "1 difference left for a person" in status.out
    assert "crm 111 erp 222" in status.flat
    (field,) = shop.do("status", "--json").json["open_fields"]
    assert field["values"] == {"crm": "111", "erp": "222"}
    assert field["kind"] == "conflict"


def test_status_tells_how_things_stand(fresh: Shop) -> None:
    assert "No sync has run yet." in fresh.do("status").out
    fresh.do("plan")
    waiting = fresh.do("status")
    assert "4 writes to be approved" in waiting.flat
    fresh.do("approve")
    fresh.do("sync", "--once")
    result = fresh.do("status")
    assert result.code == 0
    assert "Nothing waits for a person." in result.out
    assert "customer 2 in crm, 3 in erp 2 linked; 1 without counterpart in erp" in result.flat
    document = fresh.do("status", "--json").json
    assert document["last_run"]["counts"]["created"] == 4
    assert document["dead_letters"] == 0


def deal(sku: str) -> dict[str, object]:
    """A won deal of Acme with one line."""
    return {
        "Name": "Big deal",
        "AccountId": "001-0000001",
        "StageName": "Closed Won",
        "Amount": {"Amount": "20.00", "CurrencyIsoCode": "EUR"},
        "Lines": [
            {
                "Id": "a",
                "Product2Id": None,
                "ProductCode": sku,
                "Description": None,
                "Quantity": "2",
                "UnitPrice": "10.00",
            }
        ],
    }
