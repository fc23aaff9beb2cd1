"""A minimal JSON-RPC caller for Tryton, independent of the product's own connector."""

import base64
import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any


class TrytonFault(RuntimeError):
    """Tryton refused a call; `error` is the answer's `error` list, or holds the HTTP status."""

    def __init__(self, method: str, error: list[Any]) -> None:
        super().__init__(f"{method}: {error}")
        self.error = error


class TrytonRpc:
    """One signed-in session; every call is one transaction on the server."""

    def __init__(self, url: str, database: str, login: str, password: str) -> None:
        self._url = f"{url}/{database}/rpc/"
        # Loopback is never behind the proxy that the environment may name.
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        self._credentials = (login, password)
        self.user_id: int = self._sign_in()
        self.context: dict[str, Any] = self.call("model.res.user.get_preferences", True, {})

    def _sign_in(self) -> int:
        login, password = self._credentials
        self._headers.pop("Authorization", None)
        user, token, *_ = self.call("common.db.login", login, {"password": password}, "en")
        signed = base64.b64encode(f"{login}:{user}:{token}".encode()).decode()
        self._headers["Authorization"] = f"Session {signed}"
        return int(user)

    def call(self, method: str, *params: Any) -> Any:
        """Call `method` with `params` as they stand and return its result."""
        try:
            return self._call(method, params)
        except TrytonFault as fault:
            # posting an invoice ends a session nobody used for five minutes
            if fault.error[0] != "HTTP 401" or "Authorization" not in self._headers:
                raise
        self._sign_in()
        return self._call(method, params)

    def _call(self, method: str, params: Sequence[Any]) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self._url, body, self._headers)
        try:
            with self._direct.open(request, timeout=120) as response:
                content = response.read()
                if response.headers.get("Content-Encoding") == "gzip":
                    content = gzip.decompress(content)
        except urllib.error.HTTPError as error:
            with error:
                raise TrytonFault(method, [f"HTTP {error.code}", ""]) from None
        answer = json.loads(content)
        if "error" in answer:
            raise TrytonFault(method, answer["error"])
        return answer["result"]

    def model(self, model: str, method: str, *params: Any, **context: Any) -> Any:
        """Call a method of a model with the user's context, widened by `context`."""
        return self.call(f"model.{model}.{method}", *params, {**self.context, **context})


def add_customers(rpc: TrytonRpc, ids: dict[str, Any], numbers: Sequence[int]) -> list[int]:
    """Create one complete customer for each number and return the party ids, in order."""
    return [
        party
        for start in range(0, len(numbers), 100)  # larger calls gain nothing and hold the database
        for party in rpc.model(
            "party.party",
            "create",
            [_customer(number, ids) for number in numbers[start : start + 100]],
        )
    ]


def _customer(number: int, ids: dict[str, Any]) -> dict[str, Any]:
    address = {
        "street": f"{number} Main Street",
        "city": "Springfield",
        "postal_code": "12345",
        "country": ids["countries"]["US"],
        "invoice": True,
        "delivery": True,
    }
    contacts = [
        {"type": "email", "value": f"ap{number}@customer{number:04d}.example"},
        {"type": "website", "value": f"https://customer{number:04d}.example"},
    ]
    return {
        "name": f"Customer {number:04d}",
        "code": f"C-{number:05d}",
        "addresses": [["create", [address]]],
        "contact_mechanisms": [["create", contacts]],
        "categories": [["add", [ids["party_categories"]["Customer"]]]],
        "customer_payment_term": ids["payment_terms"]["Net 30"],
        "credit_limit_amount": {"__class__": "Decimal", "decimal": "5000"},
        "dunning_procedure": ids["dunning_procedure"],
    }
