"""A watched connection passes everything on."""

from __future__ import annotations

import inspect

from interlock.connectors.base import Connector
from interlock.service.watched import Watched


def test_whatever_a_connector_can_do_is_passed_on() -> None:
    names = {
        name
        for name, member in inspect.getmembers(Connector)
        if inspect.iscoroutinefunction(member) and not name.startswith("__")
    }
    assert names <= set(vars(Watched))
