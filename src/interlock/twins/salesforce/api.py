"""The paths of the REST API and what answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from interlock.twins.calls import Answer, Call, Route, Router
from interlock.twins.salesforce import composite, records, tooling
from interlock.twins.salesforce.context import Context
from interlock.twins.salesforce.describe import describe_global, describe_object, summary
from interlock.twins.salesforce.query import Reader
from interlock.twins.salesforce.refusals import Refused, refusal
from interlock.twins.salesforce.replication import deleted_in, updated_in

__all__ = ["ROUTER", "dispatch"]

_LONGEST: Final = 16_384
"""Bytes of an address with its query."""

Handler = Callable[..., Answer]


def dispatch(context: Context, call: Call) -> Answer:
    """Answer a call of one version of the API; never raises."""
    path = call.path.removeprefix(context.base) or "/"
    found = ROUTER.match(call.method, path)
    if found is None:
        methods = ROUTER.methods(path)
        if not methods:
            return refusal("NOT_FOUND", "The requested resource does not exist", 404)
        message = f"HTTP Method '{call.method}' not allowed. Allowed are {','.join(methods)}"
        return refusal("METHOD_NOT_ALLOWED", message, 405)
    if len(call.path) + sum(len(k) + len(v) + 2 for k, v in call.query.items()) > _LONGEST:
        return Answer(414, b"<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>",
                      {"Content-Type": "text/html;charset=iso-8859-1"})  # fmt: skip
    handler, names = found
    try:
        answer: Answer = handler(context, call, **names)
    except Refused as refused:
        return refused.answer()
    return answer


def _resources(context: Context, _call: Call) -> Answer:
    names = ("sobjects", "query", "queryAll", "composite", "limits", "tooling")
    return Answer(200, {name: f"{context.base}/{name}" for name in names})


def _objects(context: Context, _call: Call) -> Answer:
    return Answer(200, describe_global(context.org, context.version))


def _object(context: Context, _call: Call, name: str) -> Answer:
    one = context.org.object(name)
    return Answer(200, {"objectDescribe": summary(one, context.version), "recentItems": []})


def _describe(context: Context, _call: Call, name: str) -> Answer:
    return Answer(200, describe_object(context.org, context.org.object(name), context.version))


def _deleted(context: Context, call: Call, name: str) -> Answer:
    return Answer(200, deleted_in(context.org, context.org.object(name), call.query))


def _updated(context: Context, call: Call, name: str) -> Answer:
    return Answer(200, updated_in(context.org, context.org.object(name), call.query))


def _query(context: Context, call: Call) -> Answer:
    return _run(context, call, deleted=False)


def _query_all(context: Context, call: Call) -> Answer:
    return _run(context, call, deleted=True)


def _run(context: Context, call: Call, *, deleted: bool) -> Answer:
    if "q" not in call.query:
        raise Refused("MALFORMED_QUERY", "SOQL query is required")
    found = Reader(context.org, context.version, deleted=deleted).run(call.query["q"])
    options = call.headers.get("sforce-query-options", "")
    return Answer(200, context.cursors.first(found, options, context.base))


def _next(context: Context, _call: Call, locator: str) -> Answer:
    return Answer(200, context.cursors.next(locator, context.base))


def _limits(context: Context, _call: Call) -> Answer:
    left = max(context.quota.limit - context.quota.used, 0)
    shown: dict[str, Any] = {
        "DailyApiRequests": {"Max": context.quota.limit, "Remaining": left},
        "DailyBulkApiBatches": {"Max": 15000, "Remaining": 15000},
        "DataStorageMB": {"Max": 5, "Remaining": 5},
    }
    return Answer(200, shown)


ROUTER: Final[Router[Handler]] = Router(
    [
        Route("GET", "/", _resources),
        Route("GET", "/limits", _limits),
        Route("GET", "/query", _query),
        Route("GET", "/query/{locator}", _next),
        Route("GET", "/queryAll", _query_all),
        Route("GET", "/queryAll/{locator}", _next),
        Route("GET", "/sobjects", _objects),
        Route("GET", "/sobjects/{name}", _object),
        Route("POST", "/sobjects/{name}", records.create),
        Route("GET", "/sobjects/{name}/describe", _describe),
        Route("GET", "/sobjects/{name}/deleted", _deleted),
        Route("GET", "/sobjects/{name}/updated", _updated),
        Route("GET", "/sobjects/{name}/{key}", records.read),
        Route("PATCH", "/sobjects/{name}/{key}", records.change),
        Route("DELETE", "/sobjects/{name}/{key}", records.remove),
        Route("GET", "/sobjects/{name}/{field}/{value}", records.read_by_key),
        Route("PATCH", "/sobjects/{name}/{field}/{value}", records.change_by_key),
        Route("DELETE", "/sobjects/{name}/{field}/{value}", records.remove_by_key),
        Route("POST", "/composite", composite.compose),
        Route("POST", "/composite/graph", composite.graph),
        Route("POST", "/composite/sobjects", composite.create_many),
        Route("PATCH", "/composite/sobjects", composite.change_many),
        Route("DELETE", "/composite/sobjects", composite.remove_many),
        Route("GET", "/composite/sobjects/{name}", composite.read_many),
        Route("POST", "/composite/sobjects/{name}", composite.read_many),
        Route("PATCH", "/composite/sobjects/{name}/{field}", composite.upsert_many),
        Route("GET", "/tooling/query", tooling.query_tooling),
        Route("POST", "/tooling/sobjects/CustomField", tooling.create_field),
        Route("DELETE", "/tooling/sobjects/CustomField/{key}", tooling.remove_field),
    ]
)
