"""One HTTP session per connection: JSON in and out, every failure one of our errors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from interlock.connectors.budget import FREE, CallBudget
from interlock.connectors.kit.redact import clean
from interlock.errors import RejectedError, TransientError, UnknownOutcomeError

__all__ = ["Answer", "HttpClient"]

_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer.  ``data`` is the decoded JSON (floats as ``Decimal``), ``None`` for none.

    ``is_json`` is false when the body was something else (an HTML error page, say).
    """

    status: int
    headers: Mapping[str, str]
    data: Any
    is_json: bool
    excerpt: str
    """The start of a body that is not JSON, cleaned."""
    sent_at: datetime

    @property
    def ok(self) -> bool:
        """Say whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def server_time(self) -> datetime | None:
        """The system's clock from the ``Date`` header, whole seconds."""
        try:
            return parsedate_to_datetime(self.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError):
            return None

    def retry_after(self, now: datetime) -> datetime | None:
        """When the system asks to come back: seconds or an HTTP date."""
        value = self.headers.get("Retry-After")
        if not value:
            return None
        try:
            return now + timedelta(seconds=max(float(value), 0.0))
        except OverflowError:
            return None
        except ValueError:
            pass
        try:
            return parsedate_to_datetime(value).astimezone(UTC)
        except ValueError:
            return None


class HttpClient:
    """A session to one base URL.  It never follows redirects and never logs bodies or headers.

    Status codes are left to the connector: the same code means different things to different
    systems.  Only transport failures are raised here.
    """

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        timeout: float = 60.0,
        connections: int = 8,
        now: Any = None,
        budget: CallBudget = FREE,
    ) -> None:
        self.system = system
        self.base_url = base_url.rstrip("/")
        self.headers = {"Accept": "application/json", **(headers or {})}
        self.secrets = secrets
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(timeout, 10.0))
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._budget = budget
        self._now = now or (lambda: datetime.now(UTC))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session's sockets."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        writes: bool = False,
        operation: str = "",
    ) -> Answer:
        """Send one request, with a JSON body or a form.

        ``writes``: the request may change something, so a lost answer is ``UnknownOutcomeError``;
        for reads it is ``TransientError``.  A refused connection is always ``TransientError``.
        """
        operation = operation or f"{method} {path.split('?', maxsplit=1)[0]}"
        body: Any = form if json is None else _encoder.encode(json)
        send = dict(self.headers)
        if json is not None:
            send["Content-Type"] = "application/json"
        send.update(headers or {})
        async with self._budget.call():
            answer = await self._send(method, path, body, params, send, writes, operation)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            until = answer.retry_after(self._now())
            if until is not None:
                # nobody asks before: not this process, and not another worker
                await self._budget.block(until)
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        body: Any,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        writes: bool,
        operation: str,
    ) -> Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, connector=aiohttp.TCPConnector(limit=self._connections)
            )
        sent_at = self._now()
        try:
            async with self._session.request(
                method,
                self.base_url + path,
                data=body,
                params=params,
                headers=headers,
                allow_redirects=False,
            ) as response:
                raw = await response.read()
                return self._answer(response.status, dict(response.headers), raw, sent_at)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TransientError(
                f"{self.system}: cannot reach {self.base_url} ({self._why(error)})",
                system=self.system,
                operation=operation,
                code="unreachable",
                fix="check the address, the network and that the system is up",
            ) from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise RejectedError(
                f"{self.system}: {self.base_url} is not a usable address",
                system=self.system,
                operation=operation,
                code="bad_address",
                fix="write it as https://host[:port]",
            ) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            kind = UnknownOutcomeError if writes else TransientError
            raise kind(
                f"{self.system}: no answer to {operation} ({self._why(error)})",
                system=self.system,
                operation=operation,
                code="no_answer",
            ) from None

    def _answer(
        self, status: int, headers: Mapping[str, str], raw: bytes, sent_at: datetime
    ) -> Answer:
        data, is_json, excerpt = None, False, ""
        if raw:
            try:
                data, is_json = _decoder.decode(raw), True
            except (msgspec.DecodeError, UnicodeDecodeError):
                excerpt = clean(raw[:4000].decode("utf-8", "replace"), *self.secrets, limit=160)
        return Answer(
            status=status,
            headers=_CaseFolded(headers),
            data=data,
            is_json=is_json,
            excerpt=excerpt,
            sent_at=sent_at,
        )

    def _why(self, error: BaseException) -> str:
        if isinstance(error, asyncio.TimeoutError):
            return f"no answer within {self._timeout.total:g} s"
        return clean(str(error) or type(error).__name__, *self.secrets, limit=120)


class _CaseFolded(dict[str, str]):
    """Headers by name in any case."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Get a header by name in any case."""
        return super().get(name.lower(), default)
