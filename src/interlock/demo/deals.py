"""What the company has sold: deals before and after go-live, and everything wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from interlock.demo.desk import CRM_ONLY, DISCONTINUED, TERMS, Desk, Known

__all__ = ["add_deal", "line", "sell"]

_CENT = Decimal("0.01")
_SEASONS = ("spring order", "refit", "spare parts", "new line", "framework call-off")
_LINE = "00k"


def line(desk: Desk, position: int, sku: str, quantity: str, price: str) -> dict[str, str]:
    """Make a line of a deal or quote in the CRM's form."""
    return {
        "Id": f"{_LINE}{position:03d}",
        "Product2Id": desk.items[sku].product,
        "ProductCode": sku,
        "Quantity": quantity,
        "UnitPrice": price,
    }


def add_deal(
    desk: Desk,
    known: Known,
    lines: Sequence[dict[str, str]],
    *,
    number: int,
    won_at: datetime | None = None,
    stage: str = "Closed Won",
    currency: str = "EUR",
    amount: str | None = None,
) -> str:
    """Type a deal into the CRM; without ``amount`` it is what the lines come to."""
    cells: dict[str, Any] = {
        "Name": f"{known.firm.base} - {_SEASONS[number % len(_SEASONS)]} D{number:03d}",
        "AccountId": known.account,
        "StageName": stage,
        "Lines": list(lines),
        "WonAt": None if won_at is None else won_at.isoformat(),
        "Amount": {"Amount": amount or _total(lines), "CurrencyIsoCode": currency},
        "PoNumber": f"PO-{7000 + number}" if number % 3 else None,
        "qualification": f"champion wavers, rival bids {4000 + 13 * number} k",
        "email_log": f"discount of last resort for deal {number}: {17 + number % 9} %",
    }
    return desk.crm.save("deal", None, cells).id


def sell(desk: Desk, now: datetime, go_live: datetime) -> None:
    """Add all deals."""
    _sold_before(desk, go_live)
    numbers = iter(range(100, 1000))
    _sold_well(desk, numbers, now)
    _sold_badly(desk, numbers, now)
    for known, stage in zip(desk.known[40:46], ("Proposal", "Closed Lost") * 3, strict=True):
        add_deal(desk, known, _basket(desk), number=next(numbers), stage=stage)


def _sold_before(desk: Desk, go_live: datetime) -> None:
    """Deals of the time when somebody typed each order into the ERP by hand."""
    for number, known in enumerate(desk.known[:9]):
        lines = _basket(desk)
        won_at = go_live - timedelta(days=1 + 11 * number, hours=5)
        add_deal(desk, known, lines, number=number, won_at=won_at)
        if number % 3:
            desk.erp.save(
                "order",
                None,
                {
                    "partner_id": known.partner,
                    "currency": "EUR",
                    "state": "confirmed",
                    "terms": TERMS[known.firm.terms],
                    "margin": f"margin {number}.{number}7 kEUR",
                    "rows": [
                        {
                            "line_ref": str(i),
                            "item_id": desk.items[x["ProductCode"]].item,
                            "qty": x["Quantity"],
                            "price": x["UnitPrice"],
                        }
                        for i, x in enumerate(lines, 1)
                    ],
                },
            )


def _sold_well(desk: Desk, numbers: Iterator[int], now: datetime) -> None:
    """Deals nothing is wrong with, though some need care."""
    for known in (*desk.known[10:22], *desk.new[:4]):
        number = next(numbers)
        lines = _basket(desk)
        deal = add_deal(
            desk,
            known,
            lines,
            number=number,
            won_at=_lately(now, number),
            currency="USD" if known.firm.country == "US" else "EUR",
        )
        if number % 4 == 0:
            currency = "USD" if known.firm.country == "US" else "EUR"
            for accepted, shown in ((False, lines[:1]), (True, lines)):
                desk.crm.save(
                    "quote",
                    None,
                    {
                        "OpportunityId": deal,
                        "QuoteNumber": f"Q-{number}-{int(accepted)}",
                        "IsAccepted": accepted,
                        "CurrencyIsoCode": currency,
                        "Lines": shown,
                    },
                )
    for known in desk.known[22:25]:
        # ten for three: right to the cent only when all decimals of the price are kept
        number = next(numbers)
        sku = _skus(desk)[number % 20]
        add_deal(
            desk,
            known,
            [line(desk, 1, sku, "3", "3.3333")],
            number=number,
            won_at=_lately(now, number),
            amount="10.00",
        )


def _sold_badly(desk: Desk, numbers: Iterator[int], now: datetime) -> None:
    """Deals no order may be made of as they are."""
    known = iter(desk.known[25:40])

    def _add(who: Known, lines: Sequence[dict[str, str]], **more: Any) -> str:
        number = next(numbers)
        return add_deal(desk, who, lines, number=number, won_at=_lately(now, number), **more)

    good = _skus(desk)[0]
    for _ in range(3):
        _add(next(known), _basket(desk), amount=f"{desk.chance.randrange(9000, 9900)}.00")
    for _ in range(2):
        _add(next(known), [*_basket(desk), line(desk, 9, CRM_ONLY, "1", "400.00")])
    _add(next(known), [line(desk, 1, good, "6000", "0.012345")])
    _add(next(known), [line(desk, 1, DISCONTINUED, "2", "90.00")])
    _add(next(known), [], amount="1200.00")
    for who in desk.unclear[:3]:
        _add(who, _basket(desk))
    quoted = next(known)
    lines = _basket(desk)
    deal = _add(quoted, lines)
    desk.crm.save(
        "quote",
        None,
        {
            "OpportunityId": deal,
            "QuoteNumber": "Q-USD",
            "IsAccepted": True,
            "CurrencyIsoCode": "USD",
            "Lines": lines,
        },
    )


def _lately(now: datetime, number: int) -> datetime:
    return now - timedelta(days=1 + number % 9, minutes=number)


def _skus(desk: Desk) -> list[str]:
    return [sku for sku in desk.items if sku not in (DISCONTINUED, CRM_ONLY)]


def _basket(desk: Desk) -> list[dict[str, str]]:
    chosen = desk.chance.sample(_skus(desk), desk.chance.randrange(1, 5))
    return [
        line(desk, position, sku, str(desk.chance.randrange(1, 40)),
             f"{desk.items[sku].price}.{desk.chance.choice(('00', '50', '95'))}")
        for position, sku in enumerate(chosen, 1)
    ]  # fmt: skip


def _total(lines: Sequence[dict[str, str]]) -> str:
    nets = [Decimal(x["Quantity"]) * Decimal(x["UnitPrice"]) for x in lines]
    return str(sum((n.quantize(_CENT, ROUND_HALF_UP) for n in nets), Decimal("0.00")))
