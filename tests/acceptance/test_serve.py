"""``interlock serve`` as a process: webhooks in, orders out, told by status, metrics and events."""

from __future__ import annotations

import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .shop import Shop
from .test_cli_daily import deal

PATIENCE = 60.0


def until(what: Callable[[], Any], why: str) -> Any:
    """Wait for something to be true; gives it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain: {why}")


@dataclass
class Served:
    """The running process."""

    process: subprocess.Popen[str]
    token: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{"):
                self.lines.append(json.loads(line))
            else:
                self.other.append(line)

    @property
    def address(self) -> str:
        def _found() -> str:
            assert self.process.poll() is None, self.other
            port = next((one["port"] for one in self.lines if one["event"] == "serving"), 0)
            return f"http://127.0.0.1:{port}" if port else ""

        return str(until(_found, "the address"))

    def call(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        request = urllib.request.Request(
            self.address + path, data=body,
            headers={"authorization": f"Bearer {self.token}"} | dict(headers or {}),
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def json(self, path: str) -> Any:
        status, body = self.call(path)
        assert status == 200, body
        return json.loads(body)

    def webhook(self, side: str, entity: str, record: str) -> int:
        body = json.dumps({"events": [{"entity": entity, "id": record}]}).encode()
        stamp = str(int(time.time()))
        made = hmac.new(b"wh-secret", stamp.encode() + b"." + body, "sha256").hexdigest()
        signed = {"x-interlock-timestamp": stamp, "x-interlock-signature": f"v1={made}"}
        return self.call(f"/hooks/{side}", body, signed)[0]


@contextmanager
def served(shop: Shop) -> Iterator[Served]:
    made = shop.do("token", "create", "test", "--scope", "operator", "--json")
    assert made.code == 0, made
    process = subprocess.Popen(
        [sys.executable, "-m", "interlock", "serve", "--project", str(shop.root), "--port", "0",
         "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ},
    )  # fmt: skip
    one = Served(process, made.json["token"])
    listener = threading.Thread(target=one.listen, daemon=True)
    listener.start()
    try:
        yield one
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        listener.join(timeout=10)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        process.stderr.close()


@dataclass
class Sink:
    """Another tool's endpoint."""

    url: str
    got: list[tuple[Mapping[str, str], bytes]]


@pytest.fixture
def sink() -> Iterator[Sink]:
    got: list[tuple[Mapping[str, str], bytes]] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append(({n.lower(): v for n, v in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Sink(f"http://127.0.0.1:{server.server_port}/interlock", got)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _set_up(root: Path, sink: Sink) -> None:
    """Polling so rarely that only a webhook can have brought it about."""
    file = root / "interlock.yaml"
    text = file.read_text().replace("  settings:", '  settings:\n    webhook_secret: "${WEBHOOK}"')
    file.write_text(
        f"{text}\nschedules: {{deals: 1h, holds: 1h, customers: 1h}}\n"
        f"events: [{{name: shop, url: {sink.url}, secret: '${{EVENTS}}'}}]\n"
    )
    with (root / ".env").open("a") as env:
        env.write("WEBHOOK=wh-secret\nEVENTS=ev-secret\n")


def test_a_signed_webhook_becomes_an_order_that_everybody_is_told_of(
    shop: Shop, sink: Sink
) -> None:
    _set_up(shop.root, sink)
    with served(shop) as service:
        until(lambda: service.call("/health/ready")[0] == 200, "readiness")
        assert json.loads(service.call("/health/live")[1]) == {"live": True}

        def _all_read() -> bool:
            return all(c["last"] for c in service.json("/v1/status")["cadences"]
                       if c["name"] in ("deals", "holds", "customers"))  # fmt: skip

        until(_all_read, "the first look at everything")
        with shop.crm() as crm:
            won = crm.add("deal", deal("W-1"))
        assert service.webhook("crm", "deal", won) == 200

        def _orders() -> dict[str, Any]:
            with shop.erp() as erp:
                return erp.all("order")

        [order] = until(_orders, "the order")
        with shop.crm() as crm:
            until(lambda: crm.all("deal")[won].get("OrderNumber__c"), "the order's number")
        written = 'interlock_writes_total{entity="order",outcome="created",system="erp"} 1.0'

        def _measured() -> str:
            shown = service.call("/metrics")[1].decode()
            return shown if written in shown else ""

        metrics = until(_measured, "the write in the metrics")
        assert 'interlock_webhooks_total{outcome="received",system="crm"} 1.0' in metrics
        assert service.json("/v1/status")["webhooks"]["crm"]["received"] == 1
        headers, body = until(
            lambda: next(((h, b) for h, b in sink.got if b"order.created" in b), None), "the event"
        )
        assert {json.loads(b)["kind"] for _, b in sink.got} == {"order.created"}
        told = json.loads(body)
        assert (told["kind"], told["data"]["erp"], told["data"]["crm"]) == (
            "order.created", order, won
        )  # fmt: skip
        signed = f"{headers['x-interlock-timestamp']}.".encode() + body
        made = hmac.new(b"ev-secret", signed, "sha256").hexdigest()
        assert headers["x-interlock-signature"] == f"v1={made}"
        assert b"Acme" not in body
        service.process.send_signal(signal.SIGTERM)
        out, _ = service.process.stdout.read(), service.process.wait(timeout=60)  # type: ignore[union-attr]
        assert service.process.returncode == 0, service.other
        assert json.loads(out)["stopped"] is True
    logged = json.dumps(service.lines)
    assert [one for one in service.lines if one["event"] == "called"]
    for secret in ("wh-secret", "ev-secret", service.token, "Acme", "Traceback"):
        assert secret not in logged
    assert "Traceback" not in "".join(service.other)


def test_an_address_in_use_is_said_plainly(shop: Shop, sink: Sink) -> None:
    port = sink.url.rpartition(":")[2].partition("/")[0]
    got = shop.do("serve", "--port", port)
    assert got.code == 2
    assert "cannot listen" in got.flat
