"""Records of any type: one by one, as lists, in searches and in batches of 100."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from interlock.twins.calls import Answer, Call
from interlock.twins.hubspot.context import Context, body_object, inputs_of
from interlock.twins.hubspot.refusals import Refused, missing
from interlock.twins.hubspot.schema import ObjectType
from interlock.twins.hubspot.search import search
from interlock.twins.hubspot.standard import ASSOCIATIONS
from interlock.twins.hubspot.values import iso
from interlock.twins.storage import Row

__all__ = [
    "archive_many", "archive_one", "change_many", "change_one", "create_many", "create_one",
    "find", "list_all", "merge", "read_many", "read_one", "upsert_many",
]  # fmt: skip

_BATCH: Final = 100
_PAGE: Final = 100

Names = Iterable[str]


# ── shapes ───────────────────────────────────────────────────────────────────────────────────


def shown(context: Context, one: ObjectType, row: Row, names: Names = ()) -> dict[str, Any]:
    """Show a record; properties there are not, or not to see, are left out of the answer."""
    one = context.portal.types[one.name]
    wanted = dict.fromkeys([*one.defaults, *names])
    properties = {n: row.get(n) for n in wanted if context.portal.sees(one, n)}
    body: dict[str, Any] = {
        "id": row["id"], "properties": properties, "createdAt": iso(row["_created"]),
        "updatedAt": iso(row["_updated"]), "archived": row["_archived"],
    }  # fmt: skip
    if row["_archived"]:
        body["archivedAt"] = iso(row["_archived_at"])
    return body


def _asked(call: Call) -> list[str]:
    return [name for name in call.query.get("properties", "").split(",") if name]


def _with_ties(context: Context, one: ObjectType, body: dict[str, Any], call: Call) -> Any:
    kinds = [name for name in call.query.get("associations", "").split(",") if name]
    ties: dict[str, Any] = {}
    for kind in kinds:
        to = context.allowed(kind, write=False)
        found = [
            {"id": row["to_id"], "type": _tie_name(one, to, number)}
            for row in context.portal.ties.of(one.name, body["id"], to.name)
            for number in row["numbers"]
        ]
        if found:
            ties[to.name.replace("_", " ")] = {"results": found}
    return {**body, "associations": ties} if ties else body


def _tie_name(one: ObjectType, to: ObjectType, number: int) -> str:
    name = f"{one.singular.lower()}_to_{to.singular.lower()}"
    labels = dict(ASSOCIATIONS[one.name, to.name])
    return name if labels[number] == "Primary" or len(labels) == 1 else f"{name}_unlabeled"


def _archived(call: Call) -> bool:
    return call.query.get("archived", "").lower() == "true"


# ── one by one ───────────────────────────────────────────────────────────────────────────────


def read_one(context: Context, call: Call, kind: str, key: str) -> Answer:
    """GET of a record, by id or by ``idProperty``."""
    one = context.allowed(kind, write=False)
    row = context.portal.row_by(one, call.query.get("idProperty"), key, archived=_archived(call))
    if row is None:
        raise missing()
    return Answer(200, _with_ties(context, one, shown(context, one, row, _asked(call)), call))


def create_one(context: Context, call: Call, kind: str) -> Answer:
    """POST of a new record, with associations."""
    one = context.allowed(kind, write=True)
    body = body_object(call)
    with context.portal.storage.transaction():
        row = _made(context, one, body)
    return Answer(201, shown(context, one, row, body.get("properties") or ()))


def change_one(context: Context, call: Call, kind: str, key: str) -> Answer:
    """PATCH of a record."""
    one = context.allowed(kind, write=True)
    row = context.portal.row_by(one, call.query.get("idProperty"), key)
    if row is None:
        raise missing()
    sent = _properties(body_object(call))
    return Answer(200, shown(context, one, context.portal.update(one, row, sent), sent))


def archive_one(context: Context, _call: Call, kind: str, key: str) -> Answer:
    """DELETE of a record; one that is not there is no error."""
    context.portal.archive(context.allowed(kind, write=True), key)
    return Answer(204)


def merge(context: Context, call: Call, kind: str) -> Answer:
    """POST that merges two records into one."""
    one = context.allowed(kind, write=True)
    body = body_object(call)
    row = context.portal.merge(one, str(body["primaryObjectId"]), str(body["objectIdToMerge"]))
    return Answer(200, shown(context, one, row))


def _properties(body: Mapping[str, Any]) -> Mapping[str, Any]:
    sent = body.get("properties")
    if not isinstance(sent, dict):
        raise Refused("VALIDATION_ERROR", "Invalid input JSON: properties must be an object")
    return sent


def _made(context: Context, one: ObjectType, body: Mapping[str, Any]) -> Row:
    """Create a record and its associations; raises ``Refused`` before anything is left behind."""
    key = context.portal.create(one, _properties(body))
    for tie in body.get("associations") or ():
        types = tie["types"]
        numbers = [int(item["associationTypeId"]) for item in types]
        to = next((t for (s, t), known in ASSOCIATIONS.items()
                   if s == one.name and numbers and numbers[0] in dict(known)), None)  # fmt: skip
        if to is None:
            raise Refused("VALIDATION_ERROR", f"invalid association type {numbers} here")
        other = context.portal.row(context.portal.types[to], str(tie["to"]["id"]))
        if other is None:
            raise Refused(
                "OBJECT_NOT_FOUND", "Some objects to associate with were not found", status=404,
                context={"ids": [str(tie["to"]["id"])]},
            )  # fmt: skip
        context.portal.ties.tie(one.name, key, to, str(other["id"]), numbers)
    row = context.portal.storage.get(one.name, key)
    return row if row is not None else _hidden(context, one, key)


def _hidden(context: Context, one: ObjectType, key: str) -> Row:
    """A record that commits late is not visible yet."""
    now = context.portal.storage.clock()
    return {"id": key, "hs_object_id": key, "_created": now, "_updated": now, "_archived": False,
            one.modified: iso(now), "createdate": iso(now)}  # fmt: skip


# ── lists and searches ───────────────────────────────────────────────────────────────────────


def list_all(context: Context, call: Call, kind: str) -> Answer:
    """GET of all records of a type, in the order of their ids, 100 a page."""
    one = context.allowed(kind, write=False)
    limit = int(call.query.get("limit", 10))
    if not 1 <= limit <= _PAGE:
        raise Refused("VALIDATION_ERROR", f"limit must be between 1 and {_PAGE}")
    after = int(call.query.get("after") or 0)
    rows = context.portal.rows(one, archived=_archived(call))
    later = sorted((r for r in rows if int(r["id"]) > after), key=lambda r: int(r["id"]))
    page, names = later[:limit], _asked(call)
    results = [_with_ties(context, one, shown(context, one, row, names), call) for row in page]
    body: dict[str, Any] = {"results": results}
    if len(later) > limit:
        link = f"{call.base_url}{call.path}?after={page[-1]['id']}&limit={limit}"
        body["paging"] = {"next": {"after": str(page[-1]["id"]), "link": link}}
    return Answer(200, body)


def find(context: Context, call: Call, kind: str) -> Answer:
    """POST of a search, in the index; it may lag behind."""
    one = context.allowed(kind, write=False)
    body = body_object(call)
    rows, total, after = search(context.portal, one, body, len(call.text), context.index)
    names = [str(name) for name in body.get("properties") or ()]
    answer: dict[str, Any] = {
        "total": total, "results": [shown(context, one, row, names) for row in rows],
    }  # fmt: skip
    if after is not None:
        answer["paging"] = {"next": {"after": after}}
    return Answer(200, answer)


# ── batches ──────────────────────────────────────────────────────────────────────────────────


def read_many(context: Context, call: Call, kind: str) -> Answer:
    """POST that reads up to 100 records, by id or by a unique property."""
    one = context.allowed(kind, write=False)
    inputs = inputs_of(call, _BATCH)
    body = body_object(call)
    id_property, names = body.get("idProperty"), body.get("properties") or ()
    results: dict[str, Any] = {}
    unknown = []
    for item in inputs:
        key = str(item["id"])
        row = context.portal.row_by(one, id_property, key, archived=_archived(call))
        if row is None:
            unknown.append(key)
        else:
            results[str(row["id"])] = shown(context, one, row, names)
    errors = []
    if unknown:
        refused = missing(
            f"Could not get some {one.singular} objects, they may be deleted or not exist. "
            "Check that ids are valid."
        )
        errors = [refused.for_batch({"ids": unknown})]
    return _completed(context, list(results.values()), errors, 200)


def create_many(context: Context, call: Call, kind: str) -> Answer:
    """POST of up to 100 new records with associations."""
    one = context.allowed(kind, write=True)

    def step(item: Mapping[str, Any]) -> dict[str, Any]:
        return shown(context, one, _made(context, one, item), item.get("properties") or ())

    return _each(context, call, step, 201)


def change_many(context: Context, call: Call, kind: str) -> Answer:
    """POST of changes to up to 100 records."""
    one = context.allowed(kind, write=True)

    def step(item: Mapping[str, Any]) -> dict[str, Any]:
        row = context.portal.row_by(one, item.get("idProperty"), str(item["id"]))
        if row is None:
            raise Refused("OBJECT_NOT_FOUND", "the object does not exist", status=404)
        sent = _properties(item)
        return shown(context, one, context.portal.update(one, row, sent), sent)

    return _each(context, call, step, 200)


def upsert_many(context: Context, call: Call, kind: str) -> Answer:
    """POST that creates or changes up to 100 records by a unique property."""
    one = context.allowed(kind, write=True)

    def step(item: Mapping[str, Any]) -> dict[str, Any]:
        portal, key = context.portal, str(item["id"])
        unique = portal.unique(one, str(item.get("idProperty")))
        sent = {**_properties(item), unique.name: key}
        row = portal.row_by(one, unique.name, key)
        if row is None:
            made = portal.create(one, sent)
            now = portal.storage.get(one.name, made)
            fresh = now if now is not None else _hidden(context, one, made)
            return {**shown(context, one, fresh, sent), "new": True}
        return {**shown(context, one, portal.update(one, row, sent), sent), "new": False}

    return _each(context, call, step, 200)


def archive_many(context: Context, call: Call, kind: str) -> Answer:
    """POST that puts up to 100 records away."""
    one = context.allowed(kind, write=True)
    for item in inputs_of(call, _BATCH):
        context.portal.archive(one, str(item["id"]))
    return Answer(204)


def _each(
    context: Context, call: Call, step: Callable[[Mapping[str, Any]], dict[str, Any]], status: int
) -> Answer:
    """Do a batch: each input by itself if all can be told apart, else all or none."""
    inputs = inputs_of(call, _BATCH)
    traces = [item.get("objectWriteTraceId") for item in inputs]
    if not context.partial or None in traces or len(set(traces)) < len(traces):
        with context.portal.storage.transaction():
            return _completed(context, [step(item) for item in inputs], [], status)
    results, errors = [], []
    for item, trace in zip(inputs, traces, strict=True):
        try:
            with context.portal.storage.transaction():
                results.append({**step(item), "objectWriteTraceId": trace})
        except Refused as refused:
            if refused.status == 423:
                raise
            errors.append(refused.for_batch({"objectWriteTraceId": [str(trace)]}))
    # the order of the results is promised nowhere
    return _completed(context, results[::-1], errors, status)


def _completed(
    context: Context, results: list[dict[str, Any]], errors: list[dict[str, Any]], status: int
) -> Answer:
    now = iso(context.portal.storage.clock())
    body: dict[str, Any] = {
        "status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now,
    }  # fmt: skip
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return Answer(207 if errors else status, body)
