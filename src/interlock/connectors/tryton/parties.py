"""Parties: from Tryton's rows to the paths of the object maps, and back to commands on rows.

Nothing here does I/O; ids behind names were looked up before (see ``resolve`` in ``writing``).

A contact is a party of its own, tied to the customer by a relation (module party_relationship):
the one form in which Tryton keeps a person as one record with an id, several means of contact and
identifiers of its own.  A named contact mechanism of the company would be a row for each e-mail
and phone.  The relation's type says the role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from interlock.connectors.tryton.client import Row
from interlock.connectors.tryton.holds import HOLD, hold_raw
from interlock.connectors.tryton.taxids import is_tax_type

__all__ = ["Layout", "party_raw", "party_reference", "party_values", "stamps", "version"]

_PHONES = ("phone", "mobile")
_FLAGS = ("invoice", "delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How this connection writes its keys, and what it calls the relations of contacts."""

    other_prefix: str
    reference_prefix: str = "interlock:"
    relation_types: frozenset[str] = frozenset()
    currency: str = ""
    region: str = "off"
    counts_stock: bool = False


# ── reading ──────────────────────────────────────────────────────────────────────────────────


def party_raw(row: Row, layout: Layout) -> dict[str, Any]:
    """Give the values behind the paths of the customer's and the contact's object map."""
    raw = {key.rstrip("."): value for key, value in row.items()}
    if "addresses." in row:
        for flag in _FLAGS:
            chosen = _address(row["addresses."], flag)
            raw[f"addresses:{flag}"] = address_raw(chosen, layout.region)
    if "contact_mechanisms." in row:
        for kind in ("website", "email", "phone"):
            mechanism = _mechanism(row["contact_mechanisms."], kind)
            raw[f"contact_mechanisms:{kind}"] = mechanism["value"] if mechanism else None
    if "identifiers." in row:
        raw["identifiers:tax"] = _tax(row["identifiers."])
        other = _key(row["identifiers."], layout.other_prefix)
        raw["identifiers:other"] = other["code"][len(layout.other_prefix) :] if other else None
    if "relations." in row:
        relation = _relation(row["relations."], layout.relation_types)
        raw["relations:customer"] = relation["to"] if relation else None
        raw["relations:role"] = relation["type."]["name"] if relation else None
    if "credit_limit_amount" in row:
        raw["credit_limit_amount"] = {
            "amount": row["credit_limit_amount"], "currency": layout.currency,
        }  # fmt: skip
    if HOLD in row:
        raw |= hold_raw(raw.pop(HOLD))
    # a blank many2one hides its columns: say that they are blank, not unknown
    if row.get("customer_payment_term.", 0) is None:
        raw["customer_payment_term"] = {"name": None}
    if row.get("sale_price_list.", 0) is None:
        raw["sale_price_list"] = {"name": None}
    return raw


def party_reference(row: Row, layout: Layout) -> str | None:
    """Give our key, if the party carries one."""
    found = _key(row.get("identifiers.") or [], layout.reference_prefix)
    return found["code"][len(layout.reference_prefix) :] if found else None


def address_raw(row: Row | None, region: str) -> dict[str, Any] | None:
    """Give the parts of an address row that Interlock keeps."""
    if row is None:
        return None
    country, subdivision = row.get("country.") or {}, row.get("subdivision.") or {}
    raw = {part: row.get(part) for part in ("street", "city", "postal_code")}
    raw["country"] = country.get("code")
    if region != "off":
        code = subdivision.get("code") or ""
        raw["region"] = code.partition("-")[2] or code if region == "code" else (
            subdivision.get("name")
        )  # fmt: skip
    return raw


def stamps(row: Row, model: str) -> dict[str, str]:
    """Give the time stamps of a record and its rows, as Tryton's ``_timestamp`` context."""
    found = {f"{model},{row['id']}": row["_timestamp"]}
    below = {
        "addresses.": "party.address", "contact_mechanisms.": "party.contact_mechanism",
        "identifiers.": "party.identifier", "lines.": "sale.line",
        "template.": "product.template",
    }  # fmt: skip
    for key, child in below.items():
        rows = row.get(key) or []
        for part in [rows] if isinstance(rows, dict) else rows:
            if "_timestamp" in part:
                found[f"{child},{part['id']}"] = part["_timestamp"]
    return found


def version(row: Row, model: str) -> str:
    """Make one token of all stamps: an edit of an address moves it though not the party."""
    parts = sorted(f"{key}@{stamp}" for key, stamp in stamps(row, model).items())
    return sha256("|".join(parts).encode()).hexdigest()[:20]


def _live(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.get("active", True)]


def _address(rows: Sequence[Row], flag: str) -> Row | None:
    """Choose as Tryton does; but one that is only for deliveries gets no invoices."""
    for row in _live(rows):
        if row.get(flag):
            return row
    if flag == "invoice":
        return next((row for row in _live(rows) if not row.get("delivery")), None)
    return None


def _mechanism(rows: Sequence[Row], kind: str) -> Row | None:
    for wanted in _PHONES if kind == "phone" else (kind,):
        for row in _live(rows):
            if row["type"] == wanted and row["value"]:
                return row
    return None


def _tax(rows: Sequence[Row]) -> Row | None:
    return next((row for row in _live(rows) if is_tax_type(row["type"])), None)


def _key(rows: Sequence[Row], prefix: str) -> Row | None:
    for row in _live(rows):
        if not row["type"] and row["code"].startswith(prefix):
            return row
    return None


def _relation(rows: Sequence[Row], types: frozenset[str]) -> Row | None:
    for row in _live(rows):
        if (row.get("type.") or {}).get("name") in types:
            return row
    return None


# ── writing ──────────────────────────────────────────────────────────────────────────────────


def party_values(
    raw: Mapping[str, Any], row: Row | None, layout: Layout, *, reference: str | None = None
) -> dict[str, Any]:
    """Make the values of ``create`` (``row`` is ``None``) or ``write``.

    ``raw``: paths to values, names already looked up: a payment term is an id, an address has ids
    of country and subdivision, a relation's role is an id of a type.
    """
    values = {path: value for path, value in raw.items() if ":" not in path}
    rows: Row = row or {}
    commands = {
        "addresses": _address_commands(_under(raw, "addresses"), rows.get("addresses.") or []),
        "contact_mechanisms": _mechanism_commands(
            _under(raw, "contact_mechanisms"), rows.get("contact_mechanisms.") or []
        ),
        "identifiers": _identifier_commands(
            _under(raw, "identifiers"), rows.get("identifiers.") or [], layout, reference
        ),
        "relations": _relation_commands(
            _under(raw, "relations"), rows.get("relations.") or [], layout
        ),
    }
    return values | {name: todo for name, todo in commands.items() if todo}


def _under(raw: Mapping[str, Any], head: str) -> dict[str, Any]:
    return {path.partition(":")[2]: raw[path] for path in raw if path.startswith(f"{head}:")}


def _address_commands(changes: Mapping[str, Row | None], rows: Sequence[Row]) -> list[Any]:
    """Change the address with the flag, or make one.

    A row that serves both purposes is split when only one of them changes.
    """
    wanted = dict(changes)
    written: dict[int, Row] = {}
    created: list[Row] = []
    rows = [dict(row) for row in _live(rows)]
    if len(wanted) == 2 and wanted["invoice"] == wanted["delivery"] is not None:
        target = _address(rows, "invoice") or _address(rows, "delivery")
        beside = _address(rows, "delivery")
        both = {**(wanted["invoice"] or {}), "invoice": True, "delivery": True}
        if target is None:
            return [["create", [both]]]
        written[target["id"]] = _moved(both, target)
        if beside is not None and beside["id"] != target["id"]:
            # it has no purpose left; without one it might become the address of invoices
            kept = bool(beside.get("invoice"))
            written[beside["id"]] = {"delivery": False} | ({} if kept else {"active": False})
        wanted = {}
    for flag, value in wanted.items():
        other = "delivery" if flag == "invoice" else "invoice"
        row = _address(rows, flag)
        if row is not None and row.get(other) and row.get(flag):
            row[flag] = False  # split: the row stays with the other purpose
            written.setdefault(row["id"], {})[flag] = False
            row = None
        if value is None:
            if row is not None:
                written.setdefault(row["id"], {}).update({flag: False, "active": False})
        elif row is None:
            created.append({**value, flag: True, other: False})
        else:
            written.setdefault(row["id"], {}).update(_moved({**value, flag: True}, row))
    commands: list[Any] = [["write", [key], values] for key, values in written.items()]
    return [*commands, ["create", created]] if created else commands


def _moved(value: Row, row: Row) -> Row:
    """Take a subdivision off that would belong to the former address."""
    if "subdivision" in value:
        return value
    before = (row.get("city"), row.get("postal_code"), (row.get("country.") or {}).get("id"))
    after = (value["city"], value["postal_code"], value["country"])
    return value if before == after else {**value, "subdivision": None}


def _mechanism_commands(changes: Mapping[str, str | None], rows: Sequence[Row]) -> list[Any]:
    commands: list[Any] = []
    for kind, value in changes.items():
        row = _mechanism(rows, kind)
        if row is None and value is not None:
            commands.append(["create", [{"type": kind, "value": value}]])
        elif row is not None:
            # never deleted: sales point to them
            change = {"active": False} if value is None else {"value": value}
            commands.append(["write", [row["id"]], change])
    return commands


def _identifier_commands(
    changes: Mapping[str, Any], rows: Sequence[Row], layout: Layout, reference: str | None
) -> list[Any]:
    commands: list[Any] = []
    todo: list[tuple[Row | None, Row | None]] = []
    if reference is not None:
        todo.append((None, {"type": None, "code": layout.reference_prefix + reference}))
    if "other" in changes:
        other = changes["other"]
        code = None if other is None else {"type": None, "code": layout.other_prefix + other}
        todo.append((_key(rows, layout.other_prefix), code))
    if "tax" in changes:
        tax = changes["tax"]
        code = None if tax is None else {"type": tax["type"], "code": tax["code_compact"]}
        todo.append((_tax(rows), code))
    for row, value in todo:
        if row is not None:
            commands.append(["write", [row["id"]], value or {"active": False}])
        elif value is not None:
            commands.append(["create", [value]])
    return commands


def _relation_commands(
    changes: Mapping[str, int | None], rows: Sequence[Row], layout: Layout
) -> list[Any]:
    names = {"customer": "to", "role": "type"}
    value = {names[place]: key for place, key in changes.items()}
    if not value:
        return []
    row = _relation(rows, layout.relation_types)
    return [["create", [value]]] if row is None else [["write", [row["id"]], value]]
