"""Making a draft sale in one call, and taking it to confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from interlock.connectors.tryton.client import Row, TrytonClient
from interlock.connectors.tryton.directory import Directory, RefusedError
from interlock.connectors.tryton.errors import ConfirmationNeededError
from interlock.connectors.tryton.parties import Layout, address_raw
from interlock.connectors.tryton.sales import Keys, join_keys, read_keys
from interlock.errors import RejectedError, TransientError, UnknownOutcomeError

__all__ = ["OrderDesk"]


class OrderDesk:
    """Makes and confirms sales."""

    def __init__(
        self, client: TrytonClient, directory: Directory, *, key_field: str,
        accept_warnings: Sequence[str],
    ) -> None:  # fmt: skip
        self._client = client
        self._directory = directory
        self._key_field = key_field
        self._accepted = tuple(accept_warnings)

    # ── create ───────────────────────────────────────────────────────────────────────────────

    async def create(self, raw: Mapping[str, Any], layout: Layout, reference: str | None) -> int:
        """Make a draft with all its lines in one call, after everything it needs was found."""
        if raw.get("state", "draft") not in (None, "draft"):
            raise RefusedError("invalid_value", "an order is created as a draft", field="status")
        values = await self._header(raw, layout, reference)
        values["lines"] = [["create", await self._lines(raw.get("lines") or [], values)]]
        for name, field in _ADDRESSES.items():
            if raw.get(name):
                values[name] = await self._address(values["party"], raw[name], field, layout)
        (made,) = await self._client.call("sale.sale", "create", [values], writes=True)
        return int(made)

    async def _header(
        self, raw: Mapping[str, Any], layout: Layout, reference: str | None
    ) -> dict[str, Any]:
        party = raw.get("party")
        if party is None:
            raise RefusedError("required", "an order needs its customer", field="customer")
        found = await self._client.rows("party.party", [["id", "=", party]], ["active"])
        if not found:
            raise RefusedError(
                "not_found", "the customer is not in Tryton, or archived there", field="customer",
                fix="bring the customer back, or link the account to another one",
            )  # fmt: skip
        company = await self._directory.company()
        code = (raw.get("currency") or {}).get("code") or company.currency
        begun = {
            "party": party, "company": company.id, "state": "draft",
            "currency": await self._directory.currency(code), "lines": [],
        }  # fmt: skip
        # what Tryton's own form would fill in once the customer is chosen
        filled = await self._client.call("sale.sale", "on_change", begun, ["party"])
        defaults = {name: filled[name] for name in _FILLED if filled.get(name) is not None}
        values = {**defaults, "party": party, "currency": begun["currency"], "company": company.id}
        term = (raw.get("payment_term") or {}).get("name")
        if term is not None:
            values["payment_term"] = await self._directory.payment_term(term)
        values |= {k: v for k, v in raw.items() if k not in _RESOLVED and ":" not in k}
        keys = Keys(
            reference=reference, other=raw.get("key:other"), quote=raw.get("key:quote"),
            rest=" ".join(str(raw.get(self._key_field) or "").split()),
        )  # fmt: skip
        values[self._key_field] = join_keys(keys, layout)
        return values

    async def _lines(
        self, lines: Sequence[Mapping[str, Any]], header: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        if not lines:
            raise RefusedError("required", "an order needs at least one line", field="lines")
        products = await self._products(lines)
        chosen = [_product_of(line, products) for line in lines]
        units_and_taxes = {}
        for product in {row["id"]: row for row in chosen}.values():
            units_and_taxes[product["id"]] = await self._unit_and_taxes(product, header)
        rows = []
        for line, product in zip(lines, chosen, strict=True):
            unit, taxes = units_and_taxes[product["id"]]
            values = {
                "type": "line", "product": product["id"], "unit": unit, "note": line["key"],
                "quantity": float(line["quantity"]), "unit_price": Decimal(line["unit_price"]),
                "description": line["description"],
            }  # fmt: skip
            rows.append({**values, "taxes": [["add", taxes]]} if taxes else values)
        return rows

    async def _products(self, lines: Sequence[Mapping[str, Any]]) -> list[Row]:
        ids = [line["product"] for line in lines if line["product"] is not None]
        codes = [line["sku"] for line in lines if line["product"] is None and line["sku"]]
        return await self._client.rows(
            "product.product", ["OR", ["id", "in", ids], ["code", "in", codes]],
            ["code", "salable", "active"], active_test=False,
        )  # fmt: skip

    async def _unit_and_taxes(
        self, product: Row, header: Mapping[str, Any]
    ) -> tuple[int | None, list[int]]:
        """Ask what Tryton's own form would fill in: the product's taxes for this customer."""
        begun = {
            "type": "line", "product": product["id"], "quantity": 1.0, "taxes": [], "unit": None,
            **{f"_parent_sale.{name}": header.get(name) for name in _LINE_CONTEXT},
        }  # fmt: skip
        filled = await self._client.call("sale.line", "on_change", begun, ["product"])
        return filled.get("unit"), _added(filled.get("taxes"))

    async def _address(self, party: int, raw: Row, field: str, layout: Layout) -> int:
        """Find the customer's address, or add it, as a clerk would for a new place of delivery."""
        parts = dict(raw)
        country = parts["country"]
        if country is not None:
            parts["country"] = await self._directory.country(country, field)
        region = parts.pop("region", None)
        if region is not None:
            parts["subdivision"] = await self._directory.subdivision(
                parts["country"], country, region, field
            )
        columns = ["street", "city", "postal_code", "country.code", "subdivision.code",
                   "subdivision.name"]  # fmt: skip
        for row in await self._client.rows("party.address", [["party", "=", party]], columns):
            if _same_address(address_raw(row, layout.region) or {}, raw):
                return int(row["id"])
        try:
            (made,) = await self._client.call(
                "party.address", "create", [{**parts, "party": party}], writes=True
            )
        except UnknownOutcomeError as error:
            # no order was begun, and the next try finds the address if it was made
            raise TransientError(
                error.message, system="tryton", operation=error.operation, code=error.code
            ) from error
        return int(made)

    # ── update ───────────────────────────────────────────────────────────────────────────────

    async def header_values(
        self, raw: Mapping[str, Any], row: Row, layout: Layout
    ) -> dict[str, Any]:
        """Make what ``write`` takes for the fields that stay open to us after creation."""
        for path, field in _FIXED.items():
            if path in raw:
                raise RefusedError(
                    "locked", "an order's content is not changed after it was made", field=field,
                    fix="change the order in Tryton",
                )  # fmt: skip
        values = {k: v for k, v in raw.items() if k not in _RESOLVED and ":" not in k}
        if "payment_term" in raw:
            name = raw["payment_term"]["name"]
            values["payment_term"] = name and await self._directory.payment_term(name)
        keys = read_keys(row.get(self._key_field), layout)
        for part in ("other", "quote"):
            if f"key:{part}" in raw:
                keys = msgspec.structs.replace(keys, **{part: raw[f"key:{part}"]})
        if any(path.startswith("key:") for path in raw):
            values[self._key_field] = join_keys(keys, layout)
        return values

    async def other_lines(self, lines: Sequence[Mapping[str, Any]], row: Row) -> dict[str, Any]:
        """Make what ``write`` takes to replace all lines of a draft; its taxes are asked anew."""
        order = int(row["id"])
        (header,) = await self._client.call(
            "sale.sale", "read", [order], ["state", "lines", *_LINE_CONTEXT]
        )
        if header["state"] != "draft":
            raise RefusedError(
                "locked", f"the lines of a sale that is {header['state']} are fixed in Tryton",
                field="lines", fix="change the order in Tryton",
            )  # fmt: skip
        rows = await self._lines(lines, header)
        return {"lines": [["delete", list(header["lines"])], ["create", rows]]}

    async def bring_to(self, order: int, wanted: str) -> bool:
        """Confirm (``confirmed``) or cancel a sale; says whether anything was done.

        Each step is taken only from the state just read, so that repeating all of it is harmless.
        """
        state = await self._state(order)
        if wanted == "draft":
            if state in ("draft", "quotation"):
                return False
            raise _stuck(state, "go back to draft")
        if wanted == "cancelled":
            if state == "cancelled":
                return False
            if state not in ("draft", "quotation"):
                raise _stuck(state, "be cancelled")
            await self._press("cancel", order, state)
            return True
        if wanted == "done":
            if state == "done":
                return False
            raise _stuck(state, "be called fulfilled: Tryton does that itself")
        if state == "cancelled":
            raise _stuck(state, "be confirmed")
        done = False
        for step, before in (("quote", "draft"), ("confirm", "quotation")):
            if state == before:
                await self._press(step, order, state)
                state, done = await self._state(order), True
        return done

    async def _press(self, button: str, order: int, before: str) -> None:
        """Press a button, accepting the warnings that may be accepted."""
        for _ in range(10):
            try:
                await self._client.call("sale.sale", button, [order], writes=True)
            except ConfirmationNeededError as asked:
                if not asked.name.endswith(self._accepted or ("\0",)):
                    raise
                await self._client.call("res.user.warning", "skip", asked.name, False, writes=True)
            except RejectedError:
                if await self._state(order) == before:
                    raise
                return  # somebody else pressed it first
            else:
                return
        raise RejectedError(
            f"Tryton goes on asking for warnings to be accepted at {button}", system="tryton",
            operation=button, code="needs_confirmation", fix="confirm the order in Tryton",
        )  # fmt: skip

    async def _state(self, order: int) -> str:
        (row,) = await self._client.call("sale.sale", "read", [order], ["state"])
        return str(row["state"])


_ADDRESSES = {"invoice_address": "billing_address", "shipment_address": "shipping_address"}
_FILLED = (
    "payment_term", "price_list", "invoice_address", "shipment_address", "warehouse",
    "invoice_method", "shipment_method", "invoice_party", "shipment_party",
)  # fmt: skip
_LINE_CONTEXT = ("party", "currency", "company", "price_list", "shipment_address", "warehouse")
_RESOLVED = frozenset({"party", "currency", "payment_term", "lines", "state", *_ADDRESSES})
_FIXED = {
    "party": "customer", "currency": "currency", **_ADDRESSES,
}  # fmt: skip


def _stuck(state: str, aim: str) -> RefusedError:
    return RefusedError(
        "locked", f"an order that is {state} in Tryton cannot {aim}", field="status",
        fix="look at the order in Tryton",
    )  # fmt: skip


def _product_of(line: Mapping[str, Any], products: Sequence[Row]) -> Row:
    """Choose the product of a line, or refuse the order naming the line."""
    by_id, sku = line["product"], line["sku"]
    found = [
        row for row in products if (row["code"] == sku if by_id is None else row["id"] == by_id)
    ]
    found = [row for row in found if row["active"]] or found
    name = f"line {line['key']}" + (f" (product {sku})" if sku else "")
    if not found:
        raise RefusedError(
            "not_found", f"{name}: Tryton has no such product", field="lines",
            fix="make the product in Tryton with this code, or correct the line",
        )  # fmt: skip
    if len(found) > 1:
        raise RefusedError(
            "duplicate", f"{name}: Tryton has several products with this code", field="lines",
            fix="give them different codes",
        )  # fmt: skip
    if not found[0]["active"] or not found[0]["salable"]:
        why = "is not for sale" if found[0]["active"] else "is archived"
        raise RefusedError(
            "invalid_value", f"{name}: the product {why} in Tryton", field="lines",
            fix="make it salable in Tryton, or take another product",
        )  # fmt: skip
    return found[0]


def _added(taxes: Any) -> list[int]:
    """Read the ids an on_change adds to a many2many."""
    if isinstance(taxes, dict):
        return [int(row["id"]) for _place, row in taxes.get("add", [])]
    return [int(key) for key in taxes or []]


def _same_address(left: Row, right: Row) -> bool:
    def parts(raw: Row) -> list[str]:
        names = ("street", "city", "postal_code", "country", "region")
        return [" ".join(str(raw.get(name) or "").split()).casefold() for name in names]

    return parts(left) == parts(right)
