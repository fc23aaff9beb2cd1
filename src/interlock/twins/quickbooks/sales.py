"""What QuickBooks works out on sales: lines, totals, balances, what a payment settles."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from interlock.twins.quickbooks.refusals import Refused
from interlock.twins.quickbooks.schema import OBJECTS
from interlock.twins.quickbooks.values import cents, number, reference
from interlock.twins.storage import Row

if TYPE_CHECKING:
    from interlock.twins.quickbooks.books import Books

__all__ = ["after_change", "before_delete", "complete", "voided"]

_OWED = ("Invoice", "CreditMemo")
_MORE = ("ServiceDate", "TaxCodeRef", "ClassRef", "DiscountRate", "DiscountAmt")


def complete(books: Books, name: str, row: dict[str, Any], before: Row | None) -> None:
    """Work out what follows from what was sent; raises ``Refused``."""
    customer = row.get("CustomerRef")
    if not customer:
        raise Refused("2020", "Required parameter CustomerRef is missing in the request",
                      element="CustomerRef")  # fmt: skip
    owner = books.storage.get("Customer", customer["value"])
    assert owner is not None, "references were checked"
    row["CurrencyRef"] = books.currency(row.get("CurrencyRef") or owner["CurrencyRef"], before)
    if row["CurrencyRef"] != owner["CurrencyRef"]:
        raise Refused(
            "6000", "The currency of the transaction must be that of the customer",
            element="CurrencyRef",
        )  # fmt: skip
    row["TxnDate"] = row.get("TxnDate") or books.today()
    if name == "Payment":
        _complete_payment(books, row)
        return
    row["Line"] = _lines(books, row.get("Line") or [])
    net = sum((x["Amount"] for x in row["Line"] if x["DetailType"] == "SalesItemLineDetail"),
              Decimal(0))  # fmt: skip
    net -= sum((x["Amount"] for x in row["Line"] if x["DetailType"] == "DiscountLineDetail"),
               Decimal(0))  # fmt: skip
    tax = cents(net * books.tax_rate / 100)
    row["TxnTaxDetail"] = {"TotalTax": tax}
    row["TotalAmt"] = cents(net + tax)
    row["Line"].append({"Amount": cents(net), "DetailType": "SubTotalLineDetail",
                        "SubTotalLineDetail": {}})  # fmt: skip
    _number_document(books, name, row)
    if name == "Estimate":
        row["TxnStatus"] = row.get("TxnStatus") or "Pending"
    else:
        _complete_owed(books, name, row, before)


def _complete_owed(books: Books, name: str, row: dict[str, Any], before: Row | None) -> None:
    settled = Decimal(0) if before is None else before["TotalAmt"] - before["Balance"]
    row["Balance"] = row["TotalAmt"] - settled
    if name == "CreditMemo":
        row["RemainingCredit"] = row["Balance"]
        return
    if not row.get("DueDate"):
        term = books.storage.get("Term", (row.get("SalesTermRef") or {}).get("value", ""))
        days = int(term["DueDays"]) if term is not None and term.get("DueDays") else 30
        day = date.fromisoformat(row["TxnDate"]) + timedelta(days=days)
        row["DueDate"] = day.isoformat()
    for link in row.get("LinkedTxn") or ():
        if link.get("TxnType") == "Estimate":
            books.row(OBJECTS["Estimate"], str(link["TxnId"]))


def _number_document(books: Books, name: str, row: dict[str, Any]) -> None:
    if not row.get("DocNumber"):
        row["DocNumber"] = None if books.custom_numbers else books.next_number()
        return
    for other in books.storage.rows(name):
        if (
            not other["deleted"]
            and other.get("DocNumber") == row["DocNumber"]
            and (other["Id"] != row.get("Id"))
        ):
            raise Refused(
                "6140", f"Duplicate Document Number Error : You must specify a different number. "
                f"This number has already been used. DocNumber={row['DocNumber']}",
                element="DocNumber",
            )  # fmt: skip


def _lines(books: Books, given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(x, Mapping) for x in given):
        raise Refused("2010", "Property Name: Line must be a list", element="Line")
    lines: list[dict[str, Any]] = []
    for one in given:
        kind = one.get("DetailType")
        if kind == "SubTotalLineDetail":
            continue
        if kind not in ("SalesItemLineDetail", "DescriptionOnly", "DiscountLineDetail"):
            raise Refused("2010", f"Property Name: DetailType {kind} is unsupported",
                          element="Line")  # fmt: skip
        line: dict[str, Any] = {
            "Id": str(len(lines) + 1), "LineNum": len(lines) + 1, "DetailType": kind,
            "Amount": number("Amount", one.get("Amount") or 0),
        }  # fmt: skip
        if one.get("Description"):
            line["Description"] = str(one["Description"])[:4000]
        if kind == "SalesItemLineDetail":
            line[kind] = _detail(books, one.get(kind) or {}, line["Amount"])
        elif kind == "DiscountLineDetail":
            line[kind] = dict(one.get(kind) or {})
        lines.append(line)
    if not any(x["DetailType"] != "DescriptionOnly" for x in lines):
        raise Refused("2020", "Required parameter Line is missing in the request", element="Line")
    return lines


def _detail(books: Books, given: Mapping[str, Any], amount: Decimal) -> dict[str, Any]:
    item = reference("ItemRef", given.get("ItemRef") or {})
    if not item:
        raise Refused("2020", "Required parameter ItemRef is missing in the request",
                      element="ItemRef")  # fmt: skip
    found = books.storage.get("Item", item["value"])
    if found is None or not found["Active"]:
        raise Refused(
            "2500", f"Invalid Reference Id : Item element id {item['value']} not found",
            element="Line.SalesItemLineDetail.ItemRef",
        )  # fmt: skip
    detail: dict[str, Any] = {"ItemRef": {**item, "name": found["Name"]}}
    for name in ("Qty", "UnitPrice"):
        if given.get(name) is not None:
            detail[name] = number(name, given[name])
    if {"Qty", "UnitPrice"} <= set(detail) and abs(
        detail["Qty"] * detail["UnitPrice"] - amount
    ) > Decimal("0.01"):
        raise Refused(
            "6070", f"Amount is not equal to UnitPrice * Qty. Supplied value:{amount}",
            element="Amount",
        )  # fmt: skip
    return detail | {k: given[k] for k in _MORE if given.get(k) is not None}


# ── payments ─────────────────────────────────────────────────────────────────────────────────


def _complete_payment(books: Books, row: dict[str, Any]) -> None:
    total = cents(number("TotalAmt", row.get("TotalAmt") or 0))
    applied = Decimal(0)
    for line in row.get("Line") or ():
        for link in line.get("LinkedTxn") or ():
            if link.get("TxnType") in _OWED:
                books.row(OBJECTS[link["TxnType"]], str(link["TxnId"]))
        applied += number("Amount", line.get("Amount") or 0)
    if applied > total:
        raise Refused("6000", "The amount applied is larger than the payment", element="Line")
    row["TotalAmt"], row["UnappliedAmt"] = total, total - applied


def _settled(row: Row | None) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = {}
    if row is None or row["deleted"]:
        return found
    for line in row.get("Line") or ():
        for link in line.get("LinkedTxn") or ():
            key = str(link["TxnType"]), str(link["TxnId"])
            found[key] = found.get(key, Decimal(0)) + Decimal(str(line["Amount"]))
    return found


def after_change(books: Books, name: str, before: Row | None, row: Row) -> None:
    """Carry a change on to what depends on it."""
    if name == "Payment":
        old, new = _settled(before), _settled(row)
        for table, key in {**old, **new}:
            by = new.get((table, key), Decimal(0)) - old.get((table, key), Decimal(0))
            if table in _OWED and by:
                _settle(books, table, key, by, row["Id"], linked=(table, key) in new)
    if name == "Invoice" and before is None:
        for link in row.get("LinkedTxn") or ():
            if link.get("TxnType") == "Estimate":
                books.touch(OBJECTS["Estimate"], str(link["TxnId"]), {
                    "TxnStatus": "Closed",
                    "LinkedTxn": [{"TxnId": row["Id"], "TxnType": "Invoice"}],
                })  # fmt: skip
    if name in (*_OWED, "Payment"):
        _balance(books, row["CustomerRef"]["value"])


def _settle(books: Books, table: str, key: str, by: Decimal, payment: str, *, linked: bool) -> None:
    owed = books.storage.get(table, key)
    if owed is None:
        return
    links = [x for x in owed.get("LinkedTxn") or () if x["TxnId"] != payment]
    if linked:
        links.append({"TxnId": payment, "TxnType": "Payment"})
    balance = owed["Balance"] - by
    if balance < 0:
        raise Refused("6000", "More than the open balance is applied", element="Line")
    books.touch(OBJECTS[table], key, {"Balance": balance, "LinkedTxn": links})


def _balance(books: Books, customer: str) -> None:
    """Add up what a customer owes.  The row's stamp does not move: nobody has edited it."""
    owed = {"Invoice": 1, "CreditMemo": -1}
    total = Decimal(0)
    for table, sign in owed.items():
        for row in books.storage.rows(table):
            if not row["deleted"] and row["CustomerRef"]["value"] == customer:
                total += sign * row["Balance"]
    for row in books.storage.rows("Payment"):
        if not row["deleted"] and row["CustomerRef"]["value"] == customer:
            total -= row["UnappliedAmt"]
    owner = books.storage.get("Customer", customer)
    if owner is not None:
        books.storage.put("Customer", customer, {
            **owner, "Balance": total, "BalanceWithJobs": total,
        })  # fmt: skip


def before_delete(books: Books, name: str, row: Row) -> None:
    """Refuse to delete what something else depends on."""
    paid = [x for x in row.get("LinkedTxn") or () if x["TxnType"] == "Payment"]
    if name == "Invoice" and paid:
        raise Refused("6000", "This invoice has payments applied to it")
    del books


def voided(books: Books, row: Row, now: datetime) -> dict[str, Any]:
    """Show an invoice with its amounts taken to nothing."""
    before_delete(books, "Invoice", row)
    lines = [
        {**x, "Amount": Decimal(0),
         **({k: {**x[k], "Qty": Decimal(0)}} if (k := x["DetailType"]) in x
            and "Qty" in x[k] else {})}
        for x in row["Line"]
    ]  # fmt: skip
    note = " ".join(filter(None, ("Voided", row.get("PrivateNote"))))
    return {
        **row, "Line": lines, "TotalAmt": Decimal(0), "Balance": Decimal(0),
        "TxnTaxDetail": {"TotalTax": Decimal(0)}, "PrivateNote": note, "updated": now,
        "SyncToken": row["SyncToken"] + 1,
    }  # fmt: skip
