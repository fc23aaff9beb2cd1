"""The record API: reading, listing, making, changing and deleting one record at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from interlock.twins.calls import Answer, Call, Route, Router
from interlock.twins.netsuite.account import Account
from interlock.twins.netsuite.documents import apply_payment, transform
from interlock.twins.netsuite.metadata import describe, listed
from interlock.twins.netsuite.query import Reader
from interlock.twins.netsuite.refusals import Refused
from interlock.twins.netsuite.schema import Field, RecordType
from interlock.twins.netsuite.values import show_value
from interlock.twins.storage import Row

__all__ = ["REST", "Context", "dispatch"]

REST: Final = "/services/rest"
_RECORD: Final = "/record/v1"
_PAGE: Final = 1000
_ROWS: Final = 100_000
_EXTERNAL: Final = re.compile(r"[A-Za-z0-9_-]+")
_CONDITION: Final = re.compile(
    r"""\s*(\w+)\s+(IS|CONTAIN|START_WITH|EQUAL|IS_NOT|EMPTY)\s*(?:"([^"]*)"|(\S+))?\s*""", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Context:
    """One call; ``base_url``: what stands before the paths in links."""

    account: Account
    reader: Callable[[], Reader]
    base_url: str

    def link(self, kind: str, key: str) -> str:
        """Give a record's address."""
        return f"{self.base_url}{REST}{_RECORD}/{kind}/{key}"


def dispatch(context: Context, call: Call) -> Answer:
    """Answer a call below ``/services/rest``; never raises."""
    path = call.path.removeprefix(REST)
    found = _ROUTER.match(call.method, path)
    try:
        if found is None:
            raise Refused("INVALID_URL", f"There is no {call.method} {path}.",
                          status=405 if _ROUTER.methods(path) else 404)  # fmt: skip
        if "respond-async" in call.headers.get("prefer", ""):
            raise Refused("NOT_SUPPORTED", "This twin has no asynchronous calls.", header="Prefer")
        handler, names = found
        with context.account.storage.transaction():
            answer: Answer = handler(context, call, **names)
    except Refused as refused:
        return refused.answer()
    return answer


# ── the query language ───────────────────────────────────────────────────────────────────────


def _suiteql(context: Context, call: Call) -> Answer:
    if "transient" not in call.headers.get("prefer", ""):
        raise Refused(
            "INVALID_HEADER", "The required request header 'Prefer' is missing or its value is "
            "invalid. Set its value to 'transient'.", header="Prefer",
        )  # fmt: skip
    asked = _body(call).get("q")
    if not isinstance(asked, str):
        raise Refused("INVALID_CONTENT", "The request body has no query.", path="q")
    limit, offset = _paging(call)
    rows = context.reader().run(asked)
    if offset + limit > _ROWS:
        raise Refused("INVALID_PARAMETER", f"No more than {_ROWS} rows of a query can be read.",
                      parameter="offset")  # fmt: skip
    part = [{"links": [], **row} for row in rows[offset : offset + limit]]
    return Answer(200, _collection(part, offset, len(rows)))


def _paging(call: Call) -> tuple[int, int]:
    limit, offset = call.query.get("limit", str(_PAGE)), call.query.get("offset", "0")
    if not (limit.isdigit() and 1 <= int(limit) <= _PAGE):
        raise Refused("INVALID_PARAMETER", f"The limit lies between 1 and {_PAGE}.",
                      parameter="limit")  # fmt: skip
    if not offset.isdigit() or int(offset) % int(limit):
        raise Refused("INVALID_PARAMETER", "The offset must be a multiple of the limit.",
                      parameter="offset")  # fmt: skip
    return int(limit), int(offset)


def _collection(items: list[dict[str, Any]], offset: int, total: int) -> dict[str, Any]:
    return {
        "links": [], "count": len(items), "hasMore": offset + len(items) < total, "items": items,
        "offset": offset, "totalResults": total,
    }  # fmt: skip


# ── reading ──────────────────────────────────────────────────────────────────────────────────


def _list(context: Context, call: Call, name: str) -> Answer:
    kind = context.account.type_of(name)
    limit, offset = _paging(call)
    rows: Iterable[Row] = context.account.storage.rows(kind.name)
    if call.query.get("q"):
        rows = _filtered(context.account, kind, rows, call.query["q"])
    keys = [row["id"] for row in rows]
    items = [
        {"links": [{"rel": "self", "href": context.link(kind.name, key)}], "id": key}
        for key in keys[offset : offset + limit]
    ]
    return Answer(200, _collection(items, offset, len(keys)))


def _filtered(account: Account, kind: RecordType, rows: Iterable[Row], asked: str) -> list[Row]:
    kept = list(rows)
    for part in re.split(r"\s+AND\s+", asked):
        found = _CONDITION.fullmatch(part)
        fields = {name.lower(): name for name in account.fields_of(kind)} | {"id": "id"}
        if found is None or found[1].lower() not in fields:
            raise Refused("INVALID_PARAMETER", "Invalid search query. This twin understands IS, "
                          "IS_NOT, CONTAIN, START_WITH, EQUAL and EMPTY, joined by AND.",
                          parameter="q")  # fmt: skip
        name, wanted = fields[found[1].lower()], (found[3] or found[4] or "").casefold()
        kept = [row for row in kept if _meets(_searched(row.get(name)), found[2], wanted)]
    return kept


def _meets(value: str, operator: str, wanted: str) -> bool:
    match operator:
        case "IS_NOT":
            return value != wanted
        case "CONTAIN":
            return wanted in value
        case "START_WITH":
            return value.startswith(wanted)
        case "EMPTY":
            return not value
    return value == wanted


def _searched(value: Any) -> str:
    return "" if value is None else str(value).casefold()


def _get(context: Context, call: Call, name: str, key: str) -> Answer:
    account = context.account
    kind = account.type_of(name)
    row = _found(context, kind, key)
    wanted = {part for part in call.query.get("fields", "").split(",") if part}
    expand = call.query.get("expandSubResources", "").lower() == "true"
    simple = call.query.get("simpleEnumFormat", "").lower() == "true"
    shown: dict[str, Any] = {"links": [{"rel": "self", "href": context.link(kind.name, row["id"])}],
                             "id": row["id"]}  # fmt: skip
    values = {**row, **_derived(account, kind, row)}
    for field in account.fields_of(kind).values():
        if not wanted or field.name in wanted:
            shown[field.name] = _shown(account, field, values.get(field.name), simple)
    for sublist in kind.sublists:
        if not wanted or sublist in wanted:
            shown[sublist] = _sublist(context, kind, row, sublist, expand)
    return Answer(200, {k: v for k, v in shown.items() if v is not None})


def _shown(account: Account, field: Field, value: Any, simple: bool) -> Any:
    if field.kind == "choice" and simple:
        return value
    return show_value(field, value, account.name_of)


def _derived(account: Account, kind: RecordType, row: Row) -> dict[str, Any]:
    """Work out what the system works out."""
    if kind.name == "customer":
        late, days = account.overdue(row["id"])
        return {"balance": account.balance(row["id"]), "overdueBalance": late, "daysOverdue": days}
    if kind.family != "transaction":
        return {}
    net, tax = account.totals(row)
    found: dict[str, Any] = {
        "subtotal": net, "taxTotal": tax, "total": net + tax,
        "status": account.status_of(kind.name, row),
    }  # fmt: skip
    if "amountRemaining" in kind.fields:
        found["amountRemaining"] = account.remaining(row)
    return found


def _sublist(context: Context, kind: RecordType, row: Row, name: str, expand: bool) -> Any:
    href = f"{context.link(kind.name, row['id'])}/{name}"
    links = [{"rel": "self", "href": href}]
    if not expand:
        return {"links": links}
    columns = context.account.columns_of(kind, name)
    items = [
        {column: show_value(field, line.get(column), context.account.name_of)
         for column, field in columns.items() if line.get(column) is not None}
        for line in row.get(name) or ()
    ]  # fmt: skip
    return {"links": links, "items": items, "totalResults": len(items)}


def _lines(context: Context, _call: Call, name: str, key: str, sublist: str) -> Answer:
    kind = context.account.type_of(name)
    row = _found(context, kind, key)
    if sublist not in kind.sublists:
        raise Refused("INVALID_URL", f"{kind.name} has no {sublist}.", status=404)
    return Answer(200, _sublist(context, kind, row, sublist, expand=True))


# ── writing ──────────────────────────────────────────────────────────────────────────────────


def _post(context: Context, call: Call, name: str) -> Answer:
    kind = context.account.type_of(name)
    return _made(context, kind, _insert(context, kind, _known(context, call, kind, _body(call))))


def _patch(context: Context, call: Call, name: str, key: str) -> Answer:
    kind = context.account.type_of(name)
    row = _found(context, kind, key)
    body = _known(context, call, kind, _body(call))
    replaced = [part for part in call.query.get("replace", "").split(",") if part]
    emptied = call.query.get("replaceSelectedFields", "").lower() == "true"
    # a null alone changes nothing
    body = {k: v for k, v in body.items() if v is not None or (emptied and k in replaced)}
    context.account.update(kind.name, row["id"], body, replaced)
    return _made(context, kind, row["id"])


def _put(context: Context, call: Call, name: str, key: str) -> Answer:
    kind = context.account.type_of(name)
    if not key.startswith("eid:"):
        raise Refused("INVALID_CONTENT", "PUT takes an external id, as eid:KEY.", status=400)
    external = key.removeprefix("eid:")
    if not _EXTERNAL.fullmatch(external):
        raise Refused("INVALID_KEY_OR_REF", "An external id has letters, digits, _ and - only.")
    body = {**_known(context, call, kind, _body(call)), "externalId": external}
    row = context.account.get(kind.name, key)
    if row is None:
        return _made(context, kind, _insert(context, kind, body))
    context.account.update(kind.name, row["id"], {k: v for k, v in body.items() if v is not None})
    return _made(context, kind, row["id"])


def _delete(context: Context, _call: Call, name: str, key: str) -> Answer:
    kind = context.account.type_of(name)
    context.account.delete(kind.name, _found(context, kind, key)["id"])
    return Answer(204)


def _transform(context: Context, call: Call, name: str, key: str, target: str) -> Answer:
    kind, aim = context.account.type_of(name), context.account.type_of(target)
    row = _found(context, kind, key)
    body = _known(context, call, aim, _body(call) if call.body.strip() else {})
    return _made(context, aim, transform(context.account, kind.name, row["id"], aim.name, body))


def _insert(context: Context, kind: RecordType, body: Mapping[str, Any]) -> str:
    made = context.account.insert(kind.name, body)
    if kind.name == "customerPayment":
        apply_payment(context.account, made)
    return made


def _made(context: Context, kind: RecordType, key: str) -> Answer:
    return Answer(204, None, {"Location": context.link(kind.name, key)})


def _known(
    context: Context, call: Call, kind: RecordType, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Drop properties nobody knows, unless the caller wants to be told."""
    if call.headers.get("x-netsuite-propertynamevalidation", "Warning").lower() == "error":
        return dict(body)
    known = {*context.account.fields_of(kind), *kind.sublists}
    return {name: value for name, value in body.items() if name in known}


def _found(context: Context, kind: RecordType, key: str) -> Row:
    row = context.account.get(kind.name, key)
    if row is None:
        raise Refused("NONEXISTENT_ID", "The record instance does not exist. Provide a valid "
                      "record instance ID.", status=404)  # fmt: skip
    return row


def _body(call: Call) -> Mapping[str, Any]:
    try:
        body = call.json()
    except ValueError as error:
        raise Refused("INVALID_CONTENT", "The request body is not JSON.") from error
    if not isinstance(body, dict):
        raise Refused("INVALID_CONTENT", "The request body is not a JSON object.")
    return body


# ── metadata ─────────────────────────────────────────────────────────────────────────────────


def _catalog(context: Context, _call: Call) -> Answer:
    return Answer(200, listed(context.account, f"{context.base_url}{REST}{_RECORD}"))


def _describe(context: Context, _call: Call, name: str) -> Answer:
    kind = context.account.type_of(name)
    body = describe(context.account, kind)
    return replace(Answer(200, body), headers={"Content-Type": "application/schema+json"})


_ROUTER: Final[Router[Callable[..., Answer]]] = Router(
    [
        Route("POST", "/query/v1/suiteql", _suiteql),
        Route("GET", f"{_RECORD}/metadata-catalog", _catalog),
        Route("GET", f"{_RECORD}/metadata-catalog/{{name}}", _describe),
        Route("GET", f"{_RECORD}/{{name}}", _list),
        Route("POST", f"{_RECORD}/{{name}}", _post),
        Route("GET", f"{_RECORD}/{{name}}/{{key}}", _get),
        Route("PATCH", f"{_RECORD}/{{name}}/{{key}}", _patch),
        Route("PUT", f"{_RECORD}/{{name}}/{{key}}", _put),
        Route("DELETE", f"{_RECORD}/{{name}}/{{key}}", _delete),
        Route("POST", f"{_RECORD}/{{name}}/{{key}}/!transform/{{target}}", _transform),
        Route("GET", f"{_RECORD}/{{name}}/{{key}}/{{sublist}}", _lines),
    ]
)
