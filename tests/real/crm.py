"""BottleCRM as its users see it: a minimal caller of its API, independent of the connector."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.real.systems.bottlecrm import BottleCrmServer

__all__ = ["Crm"]

Row = dict[str, Any]
Rows = dict[str, Row]


@dataclass(frozen=True)
class Crm:
    """One organisation."""

    server: BottleCrmServer

    def call(self, method: str, path: str, body: Row | None = None) -> Any:
        """Call the API; a refusal is an error that shows the answer."""
        request = urllib.request.Request(
            f"{self.server.base_url}/api{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.server.token}", "Content-Type": "application/json"},
            method=method,
        )
        # loopback is never behind the proxy that the environment may name
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=120) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")[:500]
            raise AssertionError(f"{method} {path}: {error.code} {text}") from None

    # ── what users do ────────────────────────────────────────────────────────────────────────

    def add_account(self, **cells: Any) -> str:
        return str(self.call("POST", "/accounts/", cells)["id"])

    def edit_account(self, account: str, **cells: Any) -> None:
        self.call("PATCH", f"/accounts/{account}/", cells)

    def add_contact(self, **cells: Any) -> str:
        return str(self.call("POST", "/contacts/", cells)["id"])

    def add_product(self, **cells: Any) -> str:
        return str(self.call("POST", "/invoices/products/", cells)["product"]["id"])

    def add_deal(self, name: str, account: str, lines: list[Row], **cells: Any) -> str:
        deal = str(self.call("POST", "/opportunities/", {"name": name, "account": account, **cells})
                   ["id"])  # fmt: skip
        for order, line in enumerate(lines):
            self.call("POST", f"/opportunities/{deal}/line-items/", {**line, "order": order})
        return deal

    def edit_deal(self, deal: str, **cells: Any) -> None:
        self.call("PATCH", f"/opportunities/{deal}/", cells)

    def win(self, deal: str) -> None:
        self.edit_deal(deal, stage="CLOSED_WON", closed_on=f"{datetime.now(UTC):%Y-%m-%d}")

    def add_stage(self, label: str) -> str:
        """Give the deals' pipeline one more open stage: its code."""
        [pipeline, *_] = self.call("GET", "/opportunities/pipelines/")["pipelines"]
        path = f"/opportunities/pipelines/{pipeline['id']}/stages/"
        self.call("POST", path, {"label": label, "kind": "open"})
        [pipeline, *_] = self.call("GET", "/opportunities/pipelines/")["pipelines"]
        [code] = [stage["code"] for stage in pipeline["stages"] if stage["label"] == label]
        return str(code)

    # ── what they see ────────────────────────────────────────────────────────────────────────

    def account(self, account: str) -> Row:
        return dict(self.call("GET", f"/accounts/{account}/")["account_obj"])

    def deal(self, deal: str) -> Row:
        return dict(self.call("GET", f"/opportunities/{deal}/")["opportunity_obj"])

    def tasks_of(self, account: str) -> list[Row]:
        """The tasks on an account, each as its page shows it."""
        rows = self.call("GET", f"/tasks/?slim=true&limit=100&account={account}")["tasks"]
        return [self.call("GET", f"/tasks/{row['id']}/")["task_obj"] for row in rows]

    def accounts(self) -> Rows:
        answer = self.call("GET", "/accounts/?limit=1000&is_active=true")
        return _by_id(answer["active_accounts"]["open_accounts"])

    def contacts(self) -> Rows:
        return _by_id(self.call("GET", "/contacts/?limit=1000")["results"])

    def deals(self) -> Rows:
        return _by_id(self.call("GET", "/opportunities/?limit=1000")["opportunities"])

    def products(self) -> Rows:
        return _by_id(self.call("GET", "/invoices/products/?limit=1000")["results"])

    def everything(self) -> dict[str, Rows]:
        """All records, without what the clock moves by itself."""
        deals = {i: {k: v for k, v in row.items() if k not in _AGEING}
                 for i, row in self.deals().items()}  # fmt: skip
        tasks = _by_id(self.call("GET", "/tasks/?slim=true&limit=1000")["tasks"])
        return {"account": self.accounts(), "contact": self.contacts(), "deal": deals,
                "product": self.products(), "task": tasks}  # fmt: skip


_AGEING = ("days_in_stage", "aging_status", "created_on_arrow")


def _by_id(rows: list[Row]) -> Rows:
    return {str(row["id"]): row for row in rows}
