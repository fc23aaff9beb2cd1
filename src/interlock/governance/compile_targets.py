"""Compiles ``order_targets`` of ``rules.yaml``: every mistake named with its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.governance.document import Document, Place, suggest
from interlock.governance.rules import OwnershipMap
from interlock.governance.targets import DOCUMENTS, OrderTargets, TargetRule, Targets
from interlock.model import EntitySchema

__all__ = ["compile_order_targets"]

_PART = "order_targets"
_PROJECT = "project"
_WORDS = (*DOCUMENTS, _PROJECT)


def compile_order_targets(
    document: Document, deal: EntitySchema, ownership: OwnershipMap
) -> OrderTargets:
    """Compile the part of the parsed file; raises one ``ConfigurationError`` with all its mistakes.

    ``deal``: the fields a rule may ask for, if the ownership map lets them be read.
    """
    data = document.mapping((), document.data, "the rules file")
    stated = data.get(_PART) or []
    if not isinstance(stated, list):
        document.refuse((_PART,), f"{_PART} must be a list of `- ...` lines")
        stated = []
    governed = ownership.entities.get("deal")
    readable = [f for f in (governed.readable() if governed else ()) if _can_be_asked(deal, f)]
    rules = []
    for number, each in enumerate(stated):
        place: Place = (_PART, number)
        body = document.mapping(place, each, "a rule")
        document.only(place, body, ("where", "target"), "part of a rule")
        where = _where(document, place, body, readable)
        if not where and number < len(stated) - 1:
            document.refuse(place, "a rule without `where` fits every deal, so those after it fit "
                            "none", "put it last, or say which deals it is for")  # fmt: skip
        rules.append(TargetRule(where=where, targets=_targets(document, place, body.get("target"))))
    document.finish()
    return OrderTargets(rules)


def _can_be_asked(deal: EntitySchema, field: str) -> bool:
    return field in deal and deal.types[field] in (str, bool)


def _where(
    document: Document, place: Place, body: Mapping[str, Any], readable: list[str]
) -> dict[str, tuple[str, ...]]:
    where = document.mapping((*place, "where"), body.get("where") or {}, "where")
    found = {}
    for field, value in where.items():
        at = (*place, "where", field)
        if field not in readable:
            document.refuse(at, f"a deal has no text and no yes or no {field!r} that may be read",
                            suggest(str(field), readable))  # fmt: skip
            continue
        several = value if isinstance(value, list) else [value]
        texts = tuple(("yes" if v else "no") if isinstance(v, bool) else str(v) for v in several)
        if not texts or any(v is None or isinstance(v, dict | list) or v == "" for v in several):
            document.refuse(at, f"{field} must be a text or a list of texts")
        found[str(field)] = texts
    return found


def _targets(document: Document, place: Place, value: Any) -> Targets:
    at = (*place, "target")
    words = (
        ["order", _PROJECT] if value == "both" else value if isinstance(value, list) else [value]
    )
    unknown = [w for w in words if w not in _WORDS]
    if not words or unknown:
        what = f"{unknown[0]!r} is no target" if unknown else "a rule needs a target"
        document.refuse(at, what, f"write {', '.join(_WORDS)} or both")
        return Targets()
    orders = [DOCUMENTS[w] for w in words if w in DOCUMENTS]
    if len(orders) > 1:
        document.refuse(at, "a deal becomes one order at most",
                        f"name one of {', '.join(DOCUMENTS)}, and project beside it")  # fmt: skip
    return Targets(order=orders[0] if orders else None, project=_PROJECT in words)
