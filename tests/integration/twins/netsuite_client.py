"""What the client ``netsuite`` does, in an environment of its own: it pins an old httpx.

Reads where the twin is from standard input, prints what it saw as JSON.  Nothing of the client is
touched but the name of the host it makes of the account.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from netsuite import Config, NetSuite, TokenAuth  # type: ignore[import-not-found]
from netsuite.exceptions import NetsuiteAPIRequestError  # type: ignore[import-not-found]

_QUERY = (
    "SELECT id, companyname, BUILTIN.DF(terms) AS terms FROM customer WHERE isinactive = 'F' "
    "ORDER BY id"
)


def api(told: dict[str, str], **changes: str) -> Any:
    known = {**told, **changes}
    names = ("consumer_key", "consumer_secret", "token_id", "token_secret")
    config = Config(account=known["account"], auth=TokenAuth(**{n: known[n] for n in names}))
    made = NetSuite(config).rest_api
    assert made.hostname.endswith(".suitetalk.api.netsuite.com")
    made.hostname = told["host"]
    return made


async def refusal(call: Any) -> tuple[int, Any]:
    try:
        await call
    except NetsuiteAPIRequestError as error:
        return error.status_code, json.loads(error.response_text)
    raise AssertionError("it should have been refused")


async def work(told: dict[str, str]) -> dict[str, Any]:
    rest = api(told)
    seen: dict[str, Any] = {}
    first = await rest.suiteql(_QUERY, limit=5, offset=0)
    second = await rest.suiteql(_QUERY, limit=5, offset=5)
    seen["pages"] = [first, second]
    seen["none_made"] = await rest.post(
        "/record/v1/customer", json={"companyName": "Client & Söhne", "subsidiary": {"id": "1"},
                                     "externalId": "client-1"},
    )  # fmt: skip
    made = await rest.get("/record/v1/customer/eid:client-1", params={"expandSubResources": "true"})
    seen["made"] = made
    path = f"/record/v1/customer/{made['id']}"
    await rest.patch(path, json={"phone": "+49 1", "addressBook": {"items": [
        {"defaultBilling": True, "addressBookAddress": {"addr1": "A 1", "country": {"id": "DE"}}},
    ]}})  # fmt: skip
    await rest.put("/record/v1/customer/eid:client-1", json={"email": "a@client.example"})
    seen["changed"] = await rest.get(path, params={"expandSubResources": "true"})
    seen["listed"] = await rest.get(
        "/record/v1/customer", params={"q": 'companyName START_WITH "Client"', "limit": "10"}
    )
    seen["twice"] = await refusal(rest.post(
        "/record/v1/customer", json={"companyName": "Other", "subsidiary": {"id": "1"},
                                     "externalId": "client-1"},
    ))  # fmt: skip
    seen["unknown_property"] = await refusal(rest.patch(path, json={"colour": "red"}))
    seen["unknown_column"] = await refusal(rest.suiteql("SELECT colour FROM customer"))
    answer = await rest.request("POST", "/record/v1/salesOrder", json={
        "entity": {"id": made["id"]}, "externalId": "client-so",
        "item": {"items": [{"item": {"id": told["item"]}, "quantity": 3, "rate": 19.99}]},
    })  # fmt: skip
    seen["order"] = [answer.status_code, answer.headers["location"], answer.text]
    order = await rest.get("/record/v1/salesOrder/eid:client-so",
                           params={"expandSubResources": "true"})  # fmt: skip
    seen["order_read"] = order
    await rest.patch(f"/record/v1/salesOrder/{order['id']}", json={"orderStatus": {"id": "B"}})
    await rest.post(f"/record/v1/salesOrder/{order['id']}/!transform/invoice", json={})
    seen["bill"] = await rest.suiteql(
        f"SELECT t.type, t.foreigntotal, t.foreignamountunpaid FROM transaction t INNER JOIN "
        f"transactionline l ON l.transaction = t.id AND l.mainline = 'T' WHERE l.createdfrom = "
        f"{order['id']} ORDER BY t.id"
    )
    seen["schema"] = await rest.jsonschema("customer")
    await rest.delete("/record/v1/contact/" + told["contact"])
    seen["gone"] = await refusal(rest.get("/record/v1/contact/" + told["contact"]))
    seen["deleted"] = await rest.suiteql(
        "SELECT recordid, type FROM deletedrecord ORDER BY recordid"
    )
    seen["wrong_secret"] = await refusal(api(told, token_secret="0" * 64).suiteql(_QUERY))
    seen["wrong_account"] = await refusal(api(told, account="OTHER_SB1").suiteql(_QUERY))
    return seen


if __name__ == "__main__":
    print(json.dumps(asyncio.run(work(json.load(sys.stdin)))))
