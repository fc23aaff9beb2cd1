"""The client ``netsuite`` from PyPI, written by others against the real NetSuite, on the twin.

It signs with tokens (TBA) and insists on https.  It is thin: it shows that signatures, addresses,
headers and the shapes of answers are those its authors met, not what NetSuite does with data.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interlock.twins.netsuite import make
from interlock.twins.serving import running
from tests.real.skipping import skip
from tests.real.systems.cache import BringUpError, ensure_venv

_HERE = Path(__file__).parent
_PINS = _HERE.parents[1] / "real" / "systems" / "requirements-netsuite.txt"


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """Let the client work once; all it saw."""
    try:
        venv = ensure_venv("netsuite-client", sys.executable, _PINS)
    except BringUpError as error:
        skip(f"the client netsuite cannot be installed: {error}")
    with running(make(seed="small"), tls=True) as served:
        twin = served.twin
        item = twin.shown("inventoryItem")[0]["id"]
        contact = twin.shown("contact")[0]["id"]
        told = {**twin.credentials(), "host": served.url.removeprefix("https://"), "item": item,
                "contact": contact}  # fmt: skip
        keep = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        done = subprocess.run(
            [venv / "bin" / "python", "-P", _HERE / "netsuite_client.py"],
            input=json.dumps(told), capture_output=True, text=True, timeout=120, check=False,
            env={**keep, "SSL_CERT_FILE": str(served.ca_file), "PYTHONPATH": ""},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return {**result, "contact": contact}


def test_queries_come_page_by_page(seen: dict[str, Any]) -> None:
    first, second = seen["pages"]
    assert (first["count"], first["hasMore"], first["totalResults"]) == (5, True, 12)
    ids = [int(row["id"]) for page in (first, second) for row in page["items"]]
    assert ids == sorted(set(ids))
    assert len(ids) == 10
    assert {row["terms"] for row in first["items"]} == {"Net 30"}


def test_a_record_is_made_found_by_external_id_and_changed(seen: dict[str, Any]) -> None:
    assert seen["none_made"] is None, "204 has no body"
    assert (seen["made"]["companyName"], seen["made"]["externalId"]) == (
        "Client & Söhne",
        "client-1",
    )
    changed = seen["changed"]
    assert (changed["phone"], changed["email"]) == ("+49 1", "a@client.example")
    (line,) = changed["addressBook"]["items"]
    assert line["addressBookAddress"]["country"]["id"] == "DE"
    assert [row["id"] for row in seen["listed"]["items"]] == [seen["made"]["id"]]


def test_refusals_are_problem_details(seen: dict[str, Any]) -> None:
    for name, status, code in (
        ("twice", 400, "USER_ERROR"),
        ("unknown_property", 400, "INVALID_CONTENT"),
        ("unknown_column", 400, "INVALID_PARAMETER"),
        ("gone", 404, "NONEXISTENT_ID"),
        ("wrong_secret", 401, "INVALID_LOGIN"),
        ("wrong_account", 401, "INVALID_LOGIN"),
    ):
        got, body = seen[name]
        assert (got, body["status"]) == (status, status), name
        assert body["o:errorDetails"][0]["o:errorCode"] == code, name


def test_an_order_is_made_approved_and_billed(seen: dict[str, Any]) -> None:
    status, location, text = seen["order"]
    assert (status, text) == (204, "")
    assert location.endswith(f"/record/v1/salesOrder/{seen['order_read']['id']}")
    assert (seen["order_read"]["subtotal"], seen["order_read"]["total"]) == (59.97, 71.36)
    (bill,) = seen["bill"]["items"]
    assert (bill["type"], bill["foreigntotal"]) == ("CustInvc", "71.36")


def test_metadata_and_the_log_of_deletions(seen: dict[str, Any]) -> None:
    assert seen["schema"]["properties"]["companyName"]["maxLength"] == 83
    rows = [{k: row[k] for k in ("recordid", "type")} for row in seen["deleted"]["items"]]
    assert rows == [{"recordid": seen["contact"], "type": "contact"}]
