"""A Salesforce twin as a real server, and a browser-like client of its ``/_twin/`` pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from interlock.twins.salesforce import make
from interlock.twins.serving import Running, running


class Inspector:
    """Looks into a running twin."""

    def __init__(self, twin: Running) -> None:
        self.url = f"{twin.url}/_twin"
        self.session = requests.Session()
        # neither proxies nor certificates of the environment
        self.session.trust_env = False
        self.session.verify = str(twin.ca_file) if twin.ca_file else True

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(method, self.url + path, json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def secure() -> Iterator[Running]:
    """A small company behind https."""
    with running(make(seed="small"), tls=True) as twin:
        yield twin


@pytest.fixture
def plain() -> Iterator[Running]:
    """An empty org behind http."""
    with running(make(seed="empty")) as twin:
        yield twin


@pytest.fixture
def inspector(plain: Running) -> Iterator[Inspector]:
    found = Inspector(plain)
    with found.session:
        yield found
