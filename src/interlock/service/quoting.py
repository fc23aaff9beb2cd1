"""Quotes: checking one on demand, and overriding a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from interlock.errors import ConfigurationError
from interlock.governance.pricing import Verdict
from interlock.governance.rules import Side
from interlock.processes.quote_check import Answer, QuoteLine
from interlock.processes.quote_facts import Wanted
from interlock.processes.quote_verdicts import APPROVED, PROCESS, approve_verdict
from interlock.project.load import Project
from interlock.project.yaml import read_yaml
from interlock.service.session import Session
from interlock.store import cases, links
from interlock.store.database import Store, Tx

__all__ = [
    "Overruled",
    "QuoteRequest",
    "RequestLine",
    "check_quote",
    "override_verdict",
    "parse_request",
    "read_request",
]


_LEAST, _MOST = Decimal("1e-9"), Decimal("1e12")
"""What a quantity or price can be; beyond it no sum would be right to the cent."""


class RequestLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line: ``unit_price`` is net of discount and tax; without it only facts are asked."""

    sku: str
    quantity: Decimal
    unit_price: Decimal | None = None
    key: str | None = None


class QuoteRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A quote to check.

    ``customer``: its id in the CRM, ``erp_customer``: in the ERP; neither: somebody new.
    ``role`` of whoever quotes, or ``user``, their id in the CRM.
    """

    currency: str
    lines: Sequence[RequestLine]
    customer: str | None = None
    erp_customer: str | None = None
    role: str | None = None
    user: str | None = None


class Overruled(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict that an approver has overridden."""

    subject: str
    was: str
    reason: str
    by: str


def read_request(file: Path) -> QuoteRequest:
    """Read a question from a YAML or JSON file (JSON is YAML)."""
    document = read_yaml(file, file.name)
    document.finish()
    return parse_request(document.data, file.name)


def parse_request(data: Any, where: str = "the quote") -> QuoteRequest:
    """Read a question from plain data."""
    try:
        request = msgspec.convert(_plain(data), QuoteRequest, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            f"this is no quote: {error}",
            file=where,
            fix="it needs currency, lines with sku and quantity, and best a customer",
        ) from None
    _refuse_nonsense(request, where)
    return request


def _plain(data: Any) -> Any:
    """Let numbers and texts be what the fields want: a SKU may look like a number."""
    if isinstance(data, Mapping):
        return {str(k): _plain(v) for k, v in data.items()}
    if isinstance(data, list):
        return [_plain(v) for v in data]
    if isinstance(data, bool) or data is None:
        return data
    return str(data)


def _refuse_nonsense(request: QuoteRequest, file: str) -> None:
    problems = []
    if not request.lines:
        problems.append("there are no lines")
    if len(request.currency) != 3 or not request.currency.isupper():
        problems.append("currency is an ISO 4217 code such as EUR")
    for number, line in enumerate(request.lines, 1):
        if not line.quantity.is_finite() or not _LEAST <= line.quantity <= _MOST:
            problems.append(f"line {number}: quantity must be above 0, and no more than {_MOST:f}")
        price = line.unit_price
        if price is not None and not (price.is_finite() and 0 <= price <= _MOST):
            problems.append(f"line {number}: unit_price must be 0 or more, up to {_MOST:f}")
    if problems:
        raise ConfigurationError("; ".join(problems), file=file, fix="correct the file")


async def check_quote(session: Session, request: QuoteRequest) -> Answer:
    """Check a quote live within the time budget; nothing is written anywhere."""
    quotes = session.quotes
    _refuse_nonsense(request, "the quote")

    def _wanted(tx: Tx) -> Wanted:
        customer = request.erp_customer
        if request.customer is not None:
            found = links.partners(tx, Side.CRM, "customer", [request.customer])
            customer = found.get(request.customer)
        lines = [
            QuoteLine(
                key=line.key or str(number),
                quantity=line.quantity,
                unit_price=line.unit_price,
                sku=line.sku,
            )
            for number, line in enumerate(request.lines, 1)
        ]
        return Wanted(
            currency=request.currency,
            lines=quotes.find_products(tx, lines),
            customer=customer,
            user=request.user,
            role=request.role,
        )

    wanted = await session.store.call(_wanted)
    return await quotes.check(wanted)


def override_verdict(
    project: Project, store: Store, subject: str, *, by: str, reason: str, now: datetime
) -> Overruled:
    """Let a quote or deal pass as it stands; ``subject``: ``deal:ID``, ``quote:ID`` or an id."""
    if not reason.strip():
        raise ConfigurationError("an override needs a reason", fix="add --reason TEXT")
    approvers = project.pricing.approvers
    if approvers and by not in approvers:
        raise ConfigurationError(
            f"{by} is no approver of quotes",
            fix="have an approver named in pricing.yaml do it, or name --by NAME",
        )

    def _override(tx: Tx) -> Overruled:
        names = [subject] if ":" in subject else [f"deal:{subject}", f"quote:{subject}"]
        known = cases.load(tx, PROCESS, names)
        if not known:
            raise ConfigurationError(
                f"{subject} has not been checked", fix="name a checked deal:ID or quote:ID"
            )
        if len(known) > 1:
            raise ConfigurationError(
                f"{subject} is both a deal and a quote", fix="write deal:ID or quote:ID"
            )
        [case] = known.values()
        if case.state in (Verdict.OK, APPROVED):
            raise ConfigurationError(
                f"nothing is to be overridden on {case.source_id}: {case.why}",
                fix="see the verdict on it in the CRM",
            )
        approve_verdict(tx, case, by=by, reason=reason.strip(), now=now)
        return Overruled(subject=case.source_id, was=case.state, reason=reason.strip(), by=by)

    return store.run(_override)
