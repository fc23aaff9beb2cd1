"""What a won deal becomes in the ERP: an order, a project or both, by rule on the deal.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from interlock.model import Fields, OrderDocument, Value

__all__ = ["DOCUMENTS", "OrderTargets", "TargetRule", "Targets", "Unclear"]

DOCUMENTS: Mapping[str, OrderDocument] = {
    "order": OrderDocument.ORDER,
    "estimate": OrderDocument.ESTIMATE,
    "draft_invoice": OrderDocument.INVOICE,
}
"""A target's word in ``rules.yaml`` -> what of the ERP's it is."""


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """What is made of a deal; ``order``: as which document, ``None``: no order is."""

    order: OrderDocument | None = OrderDocument.ORDER
    project: bool = False

    def __str__(self) -> str:
        words = {document: word.replace("_", " ") for word, document in DOCUMENTS.items()}
        order = [words[self.order]] if self.order is not None else []
        return " and ".join([*order, *(["project"] if self.project else [])])


class Unclear(msgspec.Struct, frozen=True):
    """A field that a rule asks for, and that the deal does not show."""

    field: str


class TargetRule(msgspec.Struct, frozen=True, kw_only=True):
    """``where``: field of the deal -> the values of which it must show one."""

    where: Mapping[str, tuple[str, ...]] = {}
    targets: Targets


class OrderTargets(msgspec.Struct, frozen=True):
    """The rules in order; the first that fits counts, without one an order is made."""

    rules: Sequence[TargetRule] = ()

    @property
    def fields(self) -> frozenset[str]:
        """Fields of the deal that rules ask for."""
        return frozenset(field for rule in self.rules for field in rule.where)

    @property
    def projects(self) -> bool:
        """Say whether any deal becomes a project."""
        return any(rule.targets.project for rule in self.rules)

    def of(self, deal: Fields) -> Targets | Unclear:
        """Say what becomes of a deal; an unknown field decides nothing, a blank one fits none."""
        for rule in self.rules:
            unclear = [field for field in rule.where if field not in deal]
            if any(_text(deal[f]) not in rule.where[f] for f in rule.where if f in deal):
                continue
            if unclear:
                return Unclear(unclear[0])
            return rule.targets
        return Targets()


def _text(value: Value | None) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else None
