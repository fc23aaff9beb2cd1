"""The quote check: one call, while the rep is quoting."""

from __future__ import annotations

import msgspec
from fastapi import Request, Response

from interlock.errors import ConfigurationError
from interlock.processes.quote_check import Answer
from interlock.service.quoting import QuoteRequest, check_quote, parse_request
from interlock.web.desk import AtDesk
from interlock.web.routes import Routes, answer

__all__ = ["routes"]

routes = Routes("quotes")


@routes.post("/v1/quotes/check", returns=Answer, scope="viewer", takes=QuoteRequest)
async def check(desk: AtDesk, request: Request) -> Response:
    """Check a quote against the ERP within the time budget; nothing is written anywhere."""
    try:
        data = msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigurationError("the body is no JSON", fix="send a quote as JSON") from None
    return answer(await check_quote(desk.session, parse_request(data)))
