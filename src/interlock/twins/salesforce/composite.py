"""Many things in one call: collections of records, chains of calls, and graphs of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from interlock.twins.calls import Answer, Call
from interlock.twins.salesforce.context import Context, body_object
from interlock.twins.salesforce.ids import long_id
from interlock.twins.salesforce.org import Org
from interlock.twins.salesforce.records import external_id, shown, upserted
from interlock.twins.salesforce.refusals import Refused
from interlock.twins.salesforce.schema import SObject

__all__ = [
    "change_many", "compose", "create_many", "graph", "read_many", "remove_many", "upsert_many",
]  # fmt: skip

_RECORDS: Final = 200
_RETRIEVED: Final = 2000
_CALLS: Final = 25
_NODES: Final = 500
_GRAPHS: Final = 75
_KINDS: Final = 15
_REFERENCE: Final = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.\w+|\[\d+\])*)\}")


class _Undone(Exception):  # noqa: N818  it only carries the way out of a transaction
    """Something inside an all-or-none request failed."""


# ── collections ──────────────────────────────────────────────────────────────────────────────

Step = Callable[[Mapping[str, Any]], dict[str, Any]]


def create_many(context: Context, call: Call) -> Answer:
    """POST of up to 200 new records."""
    org = context.org

    def step(record: Mapping[str, Any]) -> dict[str, Any]:
        return {"id": org.insert(_kind(org, record), record)}

    return _collection(context, call, step)


def change_many(context: Context, call: Call) -> Answer:
    """PATCH of up to 200 records."""
    org = context.org

    def step(record: Mapping[str, Any]) -> dict[str, Any]:
        keys = [v for k, v in record.items() if k.lower() == "id"]
        if not keys:
            raise Refused("MISSING_ARGUMENT", "Id not specified in an update call")
        sent = {k: v for k, v in record.items() if k.lower() != "id"}
        org.update(_kind(org, record), str(keys[0]), sent)
        return {"id": long_id(str(keys[0]))}

    return _collection(context, call, step)


def upsert_many(context: Context, call: Call, name: str, field: str) -> Answer:
    """PATCH of up to 200 records of one object by external id."""
    org = context.org
    one = org.object(name)
    item = one.named(field) if field.lower() == "id" else external_id(org, one, field)
    assert item is not None, "every object has an Id"
    seen: set[str] = set()

    def step(record: Mapping[str, Any]) -> dict[str, Any]:
        if _kind(org, record).name != one.name:
            raise Refused("INVALID_TYPE", f"only records of type {one.name} are allowed here")
        value = next((v for k, v in record.items() if k.lower() == item.name.lower()), None)
        if value is None:
            raise Refused("MISSING_ARGUMENT", f"{item.name} not specified")
        if str(value).casefold() in seen:
            raise Refused("DUPLICATE_VALUE", f"Duplicate external id specified: {value}")
        seen.add(str(value).casefold())
        if item.name == "Id":
            org.update(one, str(value), {k: v for k, v in record.items() if k.lower() != "id"})
            return {"id": long_id(str(value)), "created": False}
        key, created = upserted(org, one, item, value, record)
        return {"id": key, "created": created}

    return _collection(context, call, step)


def remove_many(context: Context, call: Call) -> Answer:
    """DELETE of up to 200 records named in the address."""
    org = context.org
    keys = [k.strip() for k in call.query.get("ids", "").split(",") if k.strip()]
    records = [{"Id": key} for key in keys]

    def step(record: Mapping[str, Any]) -> dict[str, Any]:
        key = str(record["Id"])
        one = org.schema.by_prefix(key)
        if one is None:
            raise Refused("MALFORMED_ID", f"malformed id {key}")
        org.delete(one, key)
        return {"id": long_id(key)}

    return _each(org, records, step, call.query.get("allOrNone", "").lower() == "true")


def read_many(context: Context, call: Call, name: str) -> Answer:
    """GET, or POST, of records by id; ``null`` for one that is not there."""
    one = context.org.object(name)
    if call.method == "GET":
        ids, fields = call.query.get("ids", "").split(","), call.query.get("fields", "").split(",")
    else:
        body = body_object(call)
        ids, fields = list(body.get("ids", ())), list(body.get("fields", ()))
    if len(ids) > _RETRIEVED:
        raise _too_many(_RETRIEVED)
    if not any(fields):
        raise Refused("MISSING_ARGUMENT", "fields are not specified")
    rows = [context.org.row(one, key.strip()) for key in ids]
    names = ",".join(fields)
    return Answer(200, [None if row is None else shown(context, one, row, names) for row in rows])


def _collection(context: Context, call: Call, step: Step) -> Answer:
    body = body_object(call)
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise Refused("JSON_PARSER_ERROR", "records must be a list of objects")
    return _each(context.org, records, step, bool(body.get("allOrNone")))


def _each(org: Org, records: Sequence[Mapping[str, Any]], step: Step, all_or_none: bool) -> Answer:
    if len(records) > _RECORDS:
        raise _too_many(_RECORDS)
    results: list[dict[str, Any]] = []
    try:
        with org.transaction():
            results = [_attempt(step, record) for record in records]
            if all_or_none and not all(result["success"] for result in results):
                raise _Undone
    except _Undone:
        results = [_rolled_back() if result["success"] else result for result in results]
    return Answer(200, results)


def _attempt(step: Step, record: Mapping[str, Any]) -> dict[str, Any]:
    try:
        done = step(record)
    except Refused as refused:
        return {"success": False, "errors": [refused.for_record()]}
    return {**done, "success": True, "errors": []}


def _rolled_back() -> dict[str, Any]:
    refused = Refused(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using "
        "AllOrNone header",
    )
    return {"success": False, "errors": [refused.for_record()]}


def _kind(org: Org, record: Mapping[str, Any]) -> SObject:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    one = org.schema.find(str(name)) if name else None
    if one is None:
        raise Refused("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return one


def _too_many(limit: int) -> Refused:
    return Refused(
        "EXCEEDED_ID_LIMIT",
        f"record limit reached. cannot submit more than {limit} records into this call",
    )


# ── chains and graphs of calls ───────────────────────────────────────────────────────────────


def compose(context: Context, call: Call) -> Answer:
    """POST of up to 25 calls that may refer to each other's results."""
    body = body_object(call)
    steps = _steps(body)
    if len(steps) > _CALLS:
        raise Refused("LIMIT_EXCEEDED", f"The number of subrequests is limited to {_CALLS}")
    results, _ = _chain(context, steps, all_or_none=bool(body.get("allOrNone")))
    return Answer(200, {"compositeResponse": results})


def graph(context: Context, call: Call) -> Answer:
    """POST of graphs of calls; each graph is done as a whole or not at all."""
    graphs = body_object(call).get("graphs")
    if not isinstance(graphs, list) or not all(isinstance(g, dict) for g in graphs):
        raise Refused("JSON_PARSER_ERROR", "graphs must be a list of objects")
    _check_sizes(graphs)
    answers = []
    for one in graphs:
        results, done = _chain(context, _steps(one), all_or_none=True)
        answers.append({
            "graphId": one.get("graphId"),
            "graphResponse": {"compositeResponse": results},
            "isSuccessful": done,
        })  # fmt: skip
    return Answer(200, {"graphs": answers})


def _check_sizes(graphs: Sequence[Mapping[str, Any]]) -> None:
    if len(graphs) > _GRAPHS:
        raise Refused("LIMIT_EXCEEDED", f"The number of graphs is limited to {_GRAPHS}")
    for one in graphs:
        if not one.get("graphId"):
            raise Refused("JSON_PARSER_ERROR", "Missing required field: graphId")
        steps = _steps(one)
        if len(steps) > _NODES:
            raise Refused("LIMIT_EXCEEDED", f"The number of nodes is limited to {_NODES}")
        kinds = {(s.get("method"), _object_in(str(s.get("url")))) for s in steps}
        if len(kinds) > _KINDS:
            raise Refused(
                "LIMIT_EXCEEDED", f"The number of different nodes in a graph is limited to {_KINDS}"
            )


def _object_in(url: str) -> str:
    found = re.search(r"/sobjects/(\w+)", url)
    return found[1] if found else url


def _steps(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    steps = body.get("compositeRequest")
    if not isinstance(steps, list) or not steps:
        raise Refused("JSON_PARSER_ERROR", "Missing required field: compositeRequest")
    names = [s.get("referenceId") for s in steps if isinstance(s, dict)]
    if len(names) < len(steps) or not all(names):
        raise Refused("JSON_PARSER_ERROR", "Missing required field: referenceId")
    if len(set(names)) < len(names):
        raise Refused("INVALID_INPUT", "referenceId values must be unique")
    return steps


def _chain(
    context: Context, steps: Sequence[Mapping[str, Any]], *, all_or_none: bool
) -> tuple[list[dict[str, Any]], bool]:
    results: list[dict[str, Any]] = []
    known: dict[str, Any] = {}
    failed = False
    try:
        with context.org.transaction():
            for step in steps:
                if failed and all_or_none:
                    break
                answer = _carry_out(context, step, known)
                failed = failed or answer.status >= 400
                if answer.status < 400:
                    known[step["referenceId"]] = _plain(answer.body)
                results.append(_result(step, answer))
            if failed and all_or_none:
                raise _Undone
    except _Undone:
        good = [r["httpStatusCode"] < 400 for r in results]
        good += [True] * (len(steps) - len(results))
        halted = _halted(
            "The transaction was rolled back since another operation in the same transaction "
            "failed."
        )
        results = [_result(step, halted) if good[n] else results[n] for n, step in enumerate(steps)]
    return results, not failed


def _carry_out(context: Context, step: Mapping[str, Any], known: Mapping[str, Any]) -> Answer:
    try:
        url = str(_filled(step.get("url", ""), known))
        body = _filled(step.get("body"), known)
    except LookupError as error:
        return _halted(f"{error.args[0]}")
    path, _, query = url.partition("?")
    if not path.startswith(context.base + "/") or "/composite/graph" in path:
        return _halted(f"This operation is not allowed here: {path}")
    headers = {str(k).lower(): str(v) for k, v in (step.get("httpHeaders") or {}).items()}
    return context.dispatch(
        Call(
            method=str(step.get("method", "GET")).upper(),
            path=path,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers=headers,
            body=b"" if body is None else Answer(body=body).encoded(),
        )
    )


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    """Put earlier results in the place of ``@{reference.field}``."""
    if isinstance(value, dict):
        return {k: _filled(v, known) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, known) for v in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _looked_up(whole, known)
    return _REFERENCE.sub(lambda found: str(_looked_up(found, known)), value)


def _looked_up(found: re.Match[str], known: Mapping[str, Any]) -> Any:
    name, path = found[1], found[2]
    at = known.get(name)
    for part in re.findall(r"\w+", path):
        if isinstance(at, list) and part.isdigit() and int(part) < len(at):
            at = at[int(part)]
        else:
            at = at.get(part) if isinstance(at, dict) else None
    if at is None:
        raise LookupError(f"Invalid reference specified. No value for {name}{path} found in {name}")
    return at


def _result(step: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    where = {k: v for k, v in answer.headers.items() if k == "Location"}
    return {
        "body": answer.body,
        "httpHeaders": where,
        "httpStatusCode": answer.status,
        "referenceId": step["referenceId"],
    }


def _plain(body: Any) -> Any:
    return json.loads(Answer(body=body).encoded()) if body is not None else None


def _halted(message: str) -> Answer:
    return Refused("PROCESSING_HALTED", message).answer()
