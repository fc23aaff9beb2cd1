"""Both systems start from packages and do the work that a connector needs of them."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .bottlecrm import BottleCrmServer, MissingPython, start_bottlecrm
from .tryton import TrytonServer, start_tryton
from .tryton_rpc import TrytonFault

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    server = start_tryton(tmp_path_factory.mktemp("tryton"), customers=3)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def bottlecrm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BottleCrmServer]:
    try:
        server = start_bottlecrm(tmp_path_factory.mktemp("bottlecrm"))
    except MissingPython as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


def test_tryton_user_creates_a_customer_and_confirms_an_order(tryton: TrytonServer) -> None:
    rpc, ids = tryton.rpc(), tryton.ids
    address = {"street": "1 High St\nFloor 2", "city": "Gent", "country": ids["countries"]["BE"]}
    (party,) = rpc.model(
        "party.party",
        "create",
        [
            {
                "name": "Globex",
                "code": "crm-1",
                "addresses": [["create", [address]]],
                "contact_mechanisms": [["create", [{"type": "email", "value": "ap@globex.test"}]]],
                "identifiers": [["create", [{"type": "be_vat", "code": "BE0428759497"}]]],
            }
        ],
    )
    (row,) = rpc.model("party.party", "read", [party], ["addresses", "tax_identifier.code_compact"])
    assert row["tax_identifier."]["code_compact"] == "0428759497"
    line = {
        "product": ids["products"]["W-001"],
        "quantity": 3,
        "unit": ids["unit"],
        "unit_price": {"__class__": "Decimal", "decimal": "10.00"},
    }
    (sale,) = rpc.model(
        "sale.sale",
        "create",
        [
            {
                "party": party,
                "reference": "deal:1",
                "invoice_address": row["addresses"][0],
                "shipment_address": row["addresses"][0],
                "warehouse": ids["warehouse"],
                "lines": [["create", [line]]],
            }
        ],
    )
    rpc.model("sale.sale", "quote", [sale])
    rpc.model("sale.sale", "confirm", [sale])
    (order,) = rpc.model("sale.sale", "read", [sale], ["state", "untaxed_amount"])
    assert order["state"] == "processing"
    assert order["untaxed_amount"]["decimal"] == "30.00"


def test_tryton_user_cannot_change_a_credit_limit(tryton: TrytonServer) -> None:
    rpc = tryton.rpc()
    (party, *_) = rpc.model("party.party", "search", [["code", "=", "C-00001"]], 0, None, None)
    limit = {"__class__": "Decimal", "decimal": "1"}
    with pytest.raises(TrytonFault, match="not allowed"):
        rpc.model("party.party", "write", [party], {"credit_limit_amount": limit})


def test_a_running_tryton_is_not_started_twice(tryton: TrytonServer) -> None:
    assert start_tryton(Path(tryton.state)) == tryton


def test_bottlecrm_wins_a_deal_of_catalogue_products(bottlecrm: BottleCrmServer) -> None:
    def call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {bottlecrm.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{bottlecrm.base_url}/api{path}", data, headers)
        request.method = method
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    field = {"target_model": "Account", "key": "erp_id", "label": "ERP id", "field_type": "text"}
    call("POST", "/custom-fields/", field)
    account = call("POST", "/accounts/", {"name": "Globex", "custom_fields": {"erp_id": "C-1"}})
    person = {"first_name": "Ada", "last_name": "Byron", "account": account["id"]}
    contact = call("POST", "/contacts/", person)
    product = call("POST", "/invoices/products/", {"name": "Widget", "sku": "W-1", "price": "9.50"})
    deal = {"name": "Deal 1", "account": account["id"], "contacts": [contact["id"]]}
    path = f"/opportunities/{call('POST', '/opportunities/', deal)['id']}/"
    line = {"product_id": product["product"]["id"], "quantity": "2"}
    call("POST", f"{path}line-items/", line)
    call("PATCH", path, {"stage": "CLOSED_WON", "closed_on": "2026-01-31"})
    won = call("GET", path)["opportunity_obj"]
    assert (won["stage_kind"], won["amount"]) == ("won", "19.00")
    read = call("GET", f"/accounts/{account['id']}/")["account_obj"]
    assert read["custom_fields"] == {"erp_id": "C-1"}
