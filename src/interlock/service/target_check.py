"""Holds the rules of what deals become against what both systems can do."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.connectors.base import Finding, Severity
from interlock.governance.rules import Side
from interlock.governance.targets import DOCUMENTS
from interlock.model import OrderDocument
from interlock.processes.order_kinds import PROJECT
from interlock.service.session import Session

__all__ = ["target_findings"]

_RULES = "order_targets"


def target_findings(session: Session) -> Iterator[Finding]:
    """Say which rules name what the ERP does not make, or ask what the CRM does not show."""
    targets = session.project.targets
    if not targets.rules:
        return
    erp, crm = session.pair.erp, session.pair.crm
    deal = crm.entity("deal")
    for field in sorted(targets.fields - (deal.fields.keys() if deal is not None else set())):
        yield _error(
            f"{crm.name} has no place for deal.{field}: deals the rules ask it of become nothing",
            f"map it in mappings/{crm.name}.yaml, or change the rules",
        )
    made = erp.entity(PROJECT.entity)
    observed = PROJECT.entity in session.pair.observed(Side.ERP)
    if targets.projects and (made is None or not made.create or not observed):
        yield _error(
            f"{erp.name} takes no projects: deals that are to become one become none",
            "name the fields of project in ownership.yaml, or change the rules",
        )
    orders = erp.entity("order")
    document = None if orders is None else orders.fields.get("document")
    choices = (document.choices or ()) if document is not None else ()
    words = {d: word.replace("_", " ") for word, d in DOCUMENTS.items()}
    wanted = {rule.targets.order for rule in targets.rules} - {None, OrderDocument.ORDER}
    for each in sorted(d for d in wanted if d is not None and d.value not in choices):
        yield _error(
            f"{erp.name} makes no {words[each]}s: deals that are to become one become none",
            "change the rules; it makes: "
            + (", ".join(words[OrderDocument(c)] for c in choices) or "order"),
        )


def _error(message: str, fix: str) -> Finding:
    return Finding(severity=Severity.ERROR, subject=_RULES, message=message, fix=fix)
