"""Associations between records: read, made and taken away, one by one and in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from interlock.twins.calls import Answer, Call
from interlock.twins.hubspot.context import Context, inputs_of
from interlock.twins.hubspot.refusals import Refused, missing
from interlock.twins.hubspot.schema import ObjectType
from interlock.twins.hubspot.standard import ASSOCIATIONS
from interlock.twins.hubspot.values import iso

__all__ = [
    "labels", "list_of", "read_many", "tie_default", "tie_many", "tie_one", "untie_many",
    "untie_one",
]  # fmt: skip

_READ: Final = 1_000
_WRITTEN: Final = 2_000


def labels(context: Context, _call: Call, kind: str, to: str) -> Answer:
    """GET of the types of association from one type of records to another."""
    known = ASSOCIATIONS[_pair(context, kind, to)]
    return Answer(200, {"results": [_spec(number, label) for number, label in known]})


def read_many(context: Context, call: Call, kind: str, to: str) -> Answer:
    """POST that reads the associations of many records."""
    pair = _pair(context, kind, to)
    results, alone = [], []
    for item in inputs_of(call, _READ):
        ends = _ends(context, pair, str(item["id"]))
        if ends:
            results.append({"from": {"id": str(item["id"])}, "to": ends})
        else:
            alone.append(str(item["id"]))
    now = iso(context.portal.storage.clock())
    body: dict[str, Any] = {
        "status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now,
    }  # fmt: skip
    if alone:
        refused = Refused(
            "OBJECT_NOT_FOUND", f"No {pair[1]} is associated with some of the {pair[0]}.",
            sub_category="crm.associations.NO_ASSOCIATIONS_FOUND",
        )  # fmt: skip
        error = {**refused.for_batch({"fromObjectId": alone}), "subCategory": refused.sub_category}
        body |= {"numErrors": 1, "errors": [error]}
    return Answer(207 if alone else 200, body)


def list_of(context: Context, _call: Call, kind: str, key: str, to: str) -> Answer:
    """GET of the associations of one record."""
    return Answer(200, {"results": _ends(context, _pair(context, kind, to), key)})


def tie_many(context: Context, call: Call, kind: str, to: str) -> Answer:
    """POST of many associations with their types."""
    pair = _pair(context, kind, to, write=True)
    results = []
    for item in inputs_of(call, _WRITTEN):
        start, end = str(item["from"]["id"]), str(item["to"]["id"])
        _tie(context, pair, start, end, item.get("types"))
        results.append({"fromObjectId": start, "toObjectId": end, "labels": []})
    now = iso(context.portal.storage.clock())
    return Answer(201, {"status": "COMPLETE", "results": results, "startedAt": now,
                        "completedAt": now})  # fmt: skip


def untie_many(context: Context, call: Call, kind: str, to: str) -> Answer:
    """POST that takes many associations away."""
    pair = _pair(context, kind, to, write=True)
    for item in inputs_of(call, _WRITTEN):
        for end in item["to"]:
            context.portal.ties.untie(pair[0], str(item["from"]["id"]), pair[1], str(end["id"]))
    return Answer(204)


def tie_one(context: Context, call: Call, kind: str, key: str, to: str, to_key: str) -> Answer:
    """PUT of one association with its types."""
    pair = _pair(context, kind, to, write=True)
    _tie(context, pair, key, to_key, call.json())
    return Answer(200, {"fromObjectId": key, "toObjectId": to_key, "labels": []})


def tie_default(context: Context, _call: Call, kind: str, key: str, to: str, to_key: str) -> Answer:
    """PUT of one association as HubSpot makes it by default."""
    pair = _pair(context, kind, to, write=True)
    made = _tie(context, pair, key, to_key, None)
    now = iso(context.portal.storage.clock())
    results = [
        {"from": {"id": key}, "to": {"id": to_key},
         "associationSpec": {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": n}}
        for n in made
    ]  # fmt: skip
    return Answer(200, {"status": "COMPLETE", "results": results, "startedAt": now,
                        "completedAt": now})  # fmt: skip


def untie_one(context: Context, _call: Call, kind: str, key: str, to: str, to_key: str) -> Answer:
    """DELETE of all associations between two records."""
    pair = _pair(context, kind, to, write=True)
    context.portal.ties.untie(pair[0], key, pair[1], to_key)
    return Answer(204)


def _pair(context: Context, kind: str, to: str, *, write: bool = False) -> tuple[str, str]:
    ends: list[ObjectType] = [context.allowed(name, write=False) for name in (kind, to)]
    if write:
        context.allowed(kind, write=True)
    pair = (ends[0].name, ends[1].name)
    if pair not in ASSOCIATIONS:
        raise Refused("VALIDATION_ERROR", f"{pair[0]} and {pair[1]} cannot be associated")
    return pair


def _tie(context: Context, pair: tuple[str, str], key: str, to_key: str, types: Any) -> Any:
    for kind, end in zip(pair, (key, to_key), strict=True):
        if context.portal.row(context.portal.types[kind], end) is None:
            raise missing(f"the {kind} do not have {end}")
    numbers = None
    if types is not None:
        numbers = [int(item["associationTypeId"]) for item in types]
        if not set(numbers) <= {number for number, _ in ASSOCIATIONS[pair]}:
            raise Refused("VALIDATION_ERROR", f"invalid association types {numbers}")
    return context.portal.ties.tie(pair[0], key, pair[1], to_key, numbers)


def _ends(context: Context, pair: tuple[str, str], key: str) -> list[dict[str, Any]]:
    known: Mapping[int, str | None] = dict(ASSOCIATIONS[pair])
    other = context.portal.types[pair[1]]
    return [
        {"toObjectId": row["to_id"],
         "associationTypes": [_spec(number, known[number]) for number in row["numbers"]]}
        for row in context.portal.ties.of(pair[0], key, pair[1])
        if context.portal.row(other, row["to_id"]) is not None
    ]  # fmt: skip


def _spec(number: int, label: str | None) -> dict[str, Any]:
    return {"category": "HUBSPOT_DEFINED", "typeId": number, "label": label}
