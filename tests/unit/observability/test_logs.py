"""Logs: a line of JSON for each event, whoever logs, without secrets and people."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from interlock.observability.logs import configure_logs, logger


@pytest.fixture
def lines() -> Iterator[Any]:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logs(secrets=["hunter2-hunter2"], stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before[0], before[1]


def test_an_event_is_one_line_with_its_facts(lines: Any) -> None:
    logger("interlock.test").info("lane ran", lane="observe:crm", written=3)
    [one] = lines()
    assert one["event"] == "lane ran"
    assert (one["lane"], one["written"]) == ("observe:crm", 3)
    assert (one["level"], one["logger"]) == ("info", "interlock.test")
    assert one["timestamp"].endswith("Z")


def test_secrets_and_people_are_blanked_out_wherever_they_stand(lines: Any) -> None:
    log = logger("interlock.test")
    log.warning("refused hunter2-hunter2", who="jo@acme.example", more={"t": "hunter2-hunter2"})
    logging.getLogger("some.library").error("call +49 228 1234567 with Bearer %s", "abc123def")
    text = json.dumps(lines())
    for hidden in ("hunter2", "jo@acme", "1234567", "abc123def"):
        assert hidden not in text
    assert len(lines()) == 2


def test_a_failure_is_told_by_kind_and_place_without_its_words(lines: Any) -> None:
    def fail() -> None:
        raise ValueError("Jo Doe, 1 Main St")

    try:
        fail()
    except ValueError as error:
        logger("interlock.test").exception("failed", exc_info=error)
        logging.getLogger("some.library").exception("failed too")
    for one in lines():
        assert one["error"] == "ValueError"
        assert one["at"].startswith("test_logs.py:")
    assert "Jo Doe" not in json.dumps(lines())


def test_texts_with_line_breaks_stay_one_line(lines: Any) -> None:
    logger("interlock.test").info('forged\n{"event": "x"}', note="a\r\nb")
    [one] = lines()
    assert "\n" not in one["event"] + one["note"]
