"""The ERP's catalogue reaches the CRM as far as the ownership map says."""

from __future__ import annotations

from typing import Any

from .company import Company


def stock(company: Company, left: str, **more: Any) -> str:
    return company.erp.add(
        "product",
        {"sku": "A-1", "title": "Anvil", "uom": "C62", "item_group": "Forge", "on_hand": left,
         "list_price": "120.5000", "lowest_price": "99.0000", "lead_days": "12",
         "cost_price": "41.17", "margin": "0.65", **more},
    )  # fmt: skip


def only(company: Company, entity: str = "product") -> dict[str, Any]:
    [cells] = company.crm.all(entity).values()
    return cells


def rules(company: Company, text: str) -> None:
    (company.root / "rules.yaml").write_text("schema_version: 1\n" + text)


async def test_a_product_arrives_with_what_a_rep_looks_up(company: Company) -> None:
    rules(company, "stock: {low: 10}\n")
    stock(company, "7")
    await company.go()
    shown = only(company)
    assert shown["Unit"] == "C62"
    assert shown["Family"] == "Forge"
    assert shown["ListPrice"] == {"Amount": "120.5000", "CurrencyIsoCode": "EUR"}
    assert shown["LeadTime__c"] == "12"
    assert shown["Stock__c"] == "low"
    text = str(shown)
    assert "41.17" not in text, "cost"
    assert "99" not in text, "the floor is nobody's business but the check's"


async def test_stock_goes_in_low_out_with_the_days(company: Company) -> None:
    rules(company, "stock: {low: 10, products: {A-1: {low: 5}}}\n")
    item = stock(company, "50")
    await company.go()
    seen = [only(company)["Stock__c"]]
    for left in ("6", "5", "0", "12"):
        company.erp.edit("product", item, {"on_hand": left})
        company.advance(days=1)
        await company.rest()
        seen.append(only(company)["Stock__c"])
    assert seen == ["in", "in", "low", "out", "in"]
    assert "Stock__c" in only(company)
    assert not {"on_hand", "stock_quantity"} & set(only(company))


async def test_new_thresholds_hold_at_the_next_sync(company: Company) -> None:
    stock(company, "50")
    await company.go()
    assert only(company)["Stock__c"] == "in"
    rules(company, "stock: {families: {Forge: {low: 100, out: 50}}}\n")
    await company.rest()
    assert only(company)["Stock__c"] == "out"


async def test_a_hundred_levels_move_in_one_night_unasked(company: Company) -> None:
    items = [
        company.erp.add("product", {"sku": f"P-{n}", "title": f"Part {n}", "on_hand": "5"})
        for n in range(100)
    ]
    await company.go()
    for item in items:
        company.erp.edit("product", item, {"on_hand": "0"})
    await company.rest()
    assert {cells["Stock__c"] for cells in company.crm.all("product").values()} == {"out"}


async def test_price_lists_stay_in_the_erp_until_the_map_says_otherwise(company: Company) -> None:
    item = stock(company, "7")
    company.erp.add("price", {"item_id": item, "currency": "EUR", "price": "110.0000"})
    await company.go()
    await company.rest()
    assert company.crm.all("price") == {}


async def test_price_lists_reach_the_crm_where_the_map_says_so(company: Company) -> None:
    fields = ("product", "price_list", "customer", "unit_price", "from_quantity", "valid_from",
              "valid_until")  # fmt: skip
    company.own("price", {"create": "erp", **dict.fromkeys(fields, "{owner: erp}")})
    tax = "DE136695976"
    account = company.crm.add("customer", {"Name": "Acme", "VatNumber": tax})
    partner = company.erp.add("customer", {"name": "Acme", "vat_no": tax})
    item = stock(company, "7")
    row = {"item_id": item, "currency": "EUR"}
    general = company.erp.add("price", {**row, "price": "110.0000", "from_qty": "0"})
    company.erp.add("price", {**row, "price": "95.5000", "from_qty": "10", "list": "Wholesale",
                              "valid_from": "2026-01-01", "valid_to": "2026-12-31"})  # fmt: skip
    company.erp.add("price", {**row, "price": "90.0000", "partner_id": partner})
    # the general price stands in the CRM already
    await company.go()
    await company.rest()
    product = next(iter(company.crm.all("product")))
    known = {(c["Pricebook"], c["AccountId"]): c for c in company.crm.all("price").values()}
    assert set(known) == {(None, None), ("Wholesale", None), (None, account)}
    assert {c["Product2Id"] for c in known.values()} == {product}
    wholesale = known["Wholesale", None]
    assert wholesale["UnitPrice"] == {"Amount": "95.5000", "CurrencyIsoCode": "EUR"}
    assert (wholesale["FromQuantity"], wholesale["ValidFrom"]) == ("10", "2026-01-01")
    company.erp.edit("price", general, {"price": "111.0000"})
    await company.rest()
    assert len(company.crm.all("price")) == 3
    known = {(c["Pricebook"], c["AccountId"]): c for c in company.crm.all("price").values()}
    assert known[None, None]["UnitPrice"]["Amount"] == "111.0000"


async def test_a_price_both_have_is_one_and_not_made_again(company: Company) -> None:
    fields = ("product", "price_list", "customer", "unit_price", "from_quantity", "valid_from",
              "valid_until")  # fmt: skip
    company.own("price", {"create": "erp", **dict.fromkeys(fields, "{owner: erp}")})
    item = stock(company, "7")
    product = company.crm.add("product", {"ProductCode": "A-1", "Name": "Anvil"})
    company.erp.add("price", {"item_id": item, "currency": "EUR", "price": "110.0000"})
    company.crm.add("price", {"Product2Id": product,
                              "UnitPrice": {"Amount": "105", "CurrencyIsoCode": "EUR"}})  # fmt: skip
    await company.go()
    await company.rest()
    assert only(company, "price")["UnitPrice"]["Amount"] == "110.0000"
