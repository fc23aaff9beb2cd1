"""Logs: one line of JSON for each event, without secrets and without anything about people."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping, Sequence
from typing import Any, TextIO

import structlog

from interlock.connectors.kit.redact import clean

__all__ = ["configure_logs", "logger"]

_BEFORE: list[Any] = [
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logger(name: str) -> Any:
    """Give a logger whose events are words with ``key=value`` facts: ids, counts, times."""
    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[*_BEFORE, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def configure_logs(
    *, secrets: Sequence[str] = (), level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Send all logs of this process, those of libraries too, to a stream (default: stderr).

    ``secrets`` are blanked out wherever they appear; so is what looks like a credential, an e-mail
    address or a telephone number.
    """

    def _cleaned(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: _plain(value, secrets) for key, value in event.items()}

    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_BEFORE,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _only_the_kind_of_failure,
            _cleaned,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # their lines carry addresses with ids and query strings; calls are logged by us
    for name in ("uvicorn.access", "aiohttp.access", "apprise"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _only_the_kind_of_failure(
    _: Any, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A traceback shows values; its last place and the kind of the error do not."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info
    if info is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            code = trace.tb_frame.f_code
            event["at"] = f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
    for name in ("exception", "stack_info", "exc_text"):
        event.pop(name, None)
    return event


def _plain(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    return clean(str(value), *secrets)
