"""Runs an example between two twins: ``python examples/start.py salesforce-netsuite``.

Works on a copy of the example's folder, ends by itself and leaves nothing behind.  Exit code 0:
every command did its work and the won deal has its order.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

EXAMPLES = Path(__file__).parent
INTERLOCK = (sys.executable, "-m", "interlock")
SEEDS = {"netsuite": "small", "quickbooks": "empty"}
"""An empty QuickBooks shows how customers are made; in NetSuite they are found."""
TODAY = datetime.now(UTC).date().isoformat()
NETSUITE_FIELDS = ("custentity_interlock_id", "custbody_interlock_id", "custcol_interlock_key")


class Twin:
    """A running twin, and a person at its screens."""

    def __init__(self, line: dict[str, Any]) -> None:
        self.url, self.credentials = str(line["url"]), dict(line["credentials"])

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call it below ``/_twin/``; with a body as POST."""
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self.url}/_twin/{path}", data=data), timeout=30) as answer:
            return json.load(answer)

    def rows(self, table: str, **wanted: str) -> list[dict[str, Any]]:
        """Show rows of a table with these values."""
        return list(self.ask(f"rows/{table}?{urlencode(wanted)}"))

    def add(self, table: str, **values: Any) -> str:
        """Make a row; its id."""
        return str(self.ask(f"rows/{table}", values)["id"])


@contextmanager
def running(system: str, seed: str) -> Iterator[Twin]:
    """Keep a twin running while the block lasts."""
    command = (*INTERLOCK, "twin", system, "--seed", seed)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Twin(json.loads(process.stdout.readline()))
        finally:
            process.terminate()


def set_up(crm: Twin, erp: Twin, name: str) -> None:
    """Do what an administrator does by hand before Interlock comes."""
    if name == "salesforce-netsuite":
        erp.ask("settings", {"fields": {field: {"kind": "text"} for field in NETSUITE_FIELDS}})
        return
    # every command of this script begins to count its searches anew
    crm.ask("settings", {"searches_a_second": 1000})
    erp.ask("settings", {"home_currency": "EUR"})
    for row in crm.rows("products"):
        erp.add("Item", Name=row["name"], Sku=row["hs_sku"], UnitPrice=row["price"],
                IncomeAccountRef={"value": "1"})  # fmt: skip


def win(crm: Twin, name: str) -> tuple[str, str, str]:
    """Win a deal; its table, its id and the field that gets the order's number."""
    if name == "salesforce-netsuite":
        book = crm.rows("Pricebook2")[0]["Id"]
        deal = crm.add(
            "Opportunity", Name="Two pumps", AccountId=crm.rows("Account")[0]["Id"],
            StageName="Closed Won", CloseDate=TODAY, Type="New Business", Pricebook2Id=book,
        )  # fmt: skip
        pump = crm.rows("Product2", ProductCode="PU-100")[0]["Id"]
        entry = crm.rows("PricebookEntry", Product2Id=pump)[0]["Id"]
        crm.add("OpportunityLineItem", OpportunityId=deal, PricebookEntryId=entry,
                Quantity=2, UnitPrice=450)  # fmt: skip
        return "Opportunity", deal, "Order_Number__c"
    deal = crm.add(
        "deals", dealname="Two pumps", companies=crm.rows("companies")[0]["id"], amount=900,
        dealstage="closedwon", closedate=TODAY, dealtype="newbusiness", deal_currency_code="EUR",
    )  # fmt: skip
    pump = crm.rows("products", hs_sku="PU-100")[0]["id"]
    crm.add("line_items", hs_product_id=pump, quantity=2, price=450, deals=deal)
    return "deals", deal, "interlock_order_number"


def write_env(folder: Path, crm: Twin, erp: Twin) -> None:
    """Fill in what ``.env.example`` asks for."""
    known = {"GO_LIVE": f"{TODAY}T00:00:00Z", "CRM_URL": crm.url, "ERP_URL": erp.url,
             "INTERLOCK_KEY": b64encode(secrets.token_bytes(32)).decode()}  # fmt: skip
    for side, twin in (("CRM", crm), ("ERP", erp)):
        known |= {f"{side}_{name.upper()}": value for name, value in twin.credentials.items()}
    asked = (folder / ".env.example").read_text(encoding="utf-8").splitlines()
    names = [line.partition("=")[0] for line in asked if not line.startswith("#")]
    text = "".join(f"{name}='{known[name]}'\n" for name in names)
    (folder / ".env").write_text(text, encoding="utf-8")


def do(folder: Path, *arguments: str) -> None:
    """Run a command of Interlock; 3, a person is needed, is no failure here."""
    print(f"\n$ interlock {' '.join(arguments)}", flush=True)
    command = (*INTERLOCK, *arguments, "--project", str(folder))
    code = subprocess.run(command, check=False).returncode
    if code not in (0, 3):
        sys.exit(f"interlock {arguments[0]} ended with {code}")


def main(name: str) -> None:
    """Run one example."""
    known = sorted(path.parent.name for path in EXAMPLES.glob("*/interlock.yaml"))
    if name not in known:
        sys.exit(f"there is no example {name!r}; there is: {', '.join(known)}")
    crm_name, erp_name = name.split("-")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / name
        shutil.copytree(EXAMPLES / name, folder)
        crm = stack.enter_context(running(crm_name, "small"))
        erp = stack.enter_context(
            running(erp_name, "empty" if erp_name == "quickbooks" else "small")
        )
        set_up(crm, erp, name)
        write_env(folder, crm, erp)
        for command in (("provision", "--yes"), ("check",), ("plan",), ("approve",)):
            do(folder, *command)
        do(folder, "sync", "--once")
        table, deal, field = win(crm, name)
        print("\nA deal on two pumps is won.")
        do(folder, "sync", "--once")
        do(folder, "sync", "--once")
        do(folder, "status")
        rows = [row for row in crm.rows(table) if deal in (row.get("Id"), row.get("id"))]
        number = rows[0].get(field)
        if not number:
            sys.exit("the deal has no order")
        print(f"\nThe deal shows the number of its order in {erp_name}: {number}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
