"""A made-up year of deals and orders, and the truth about each deal.

It knows nothing of the detector: it plays what sales and finance do.  One rule keeps the truth
decidable at all: an order that nobody made from a deal differs from every deal of its customer by
5 % in value or by 45 days, else no auditor could tell it from that deal's order either.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from interlock.matching.table import Company
from interlock.reports.records import DealRecord, OrderRecord

__all__ = ["LeakWorld", "Truth"]

_FIRST = ("Nordwind", "Aldera", "Brightfield", "Castellan", "Dunmore", "Eisvogel", "Falkenried",
          "Glasmeer", "Harrowgate", "Ivorymill", "Jutland", "Kestrel", "Lindenhof", "Marlow",
          "Nettlebed", "Oakhurst", "Pendragon", "Quillon", "Ravensburg", "Saltmarsh", "Tannhof",
          "Umberland", "Vesterbro", "Westering", "Yarrow", "Zellhof")  # fmt: skip
_SECOND = ("Maschinenbau", "Logistics", "Foods", "Optik", "Textiles", "Pumps", "Interiors",
           "Biotech", "Papier", "Glass", "Motors", "Analytics")  # fmt: skip
_FORMS = ("GmbH", "Ltd", "AG", "BV", "Inc", "SAS")
_CURRENCIES = ("EUR", "EUR", "EUR", "USD", "GBP")


@dataclass(frozen=True)
class Truth:
    """What became of a deal.  ``leak``: nobody ordered it; ``odd``: ordered, but not rightly."""

    story: str
    leak: bool = False
    odd: bool = False


@dataclass
class LeakWorld:
    """One year of one company."""

    seed: int
    crm: list[Company] = field(default_factory=list)
    erp: list[Company] = field(default_factory=list)
    deals: list[DealRecord] = field(default_factory=list)
    orders: list[OrderRecord] = field(default_factory=list)
    truth: dict[str, Truth] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._numbers = iter(range(1, 100_000))
        names = [f"{a} {b}" for a in _FIRST for b in _SECOND]
        self._random.shuffle(names)
        for number, name in enumerate(names[:30]):
            self._customer(number, name)
        stories = self._stories()
        self._random.shuffle(stories)
        for story in stories:
            getattr(self, f"_{story}")()
        for _ in range(60):
            self._direct_order()
        self._random.shuffle(self.deals)
        self._random.shuffle(self.orders)

    def _stories(self) -> list[str]:
        often = {"named": 40, "by_hand": 50, "in_parts": 12, "together": 8, "same_values": 6,
                 "never_ordered": 12, "cancelled": 5, "unknown_customer": 4, "in_other_currency": 4,
                 "other_amount": 4, "late": 4, "twice": 3}  # fmt: skip
        return [story for story, times in often.items() for _ in range(times)]

    # ── people and papers ────────────────────────────────────────────────────────────────────

    def _customer(self, number: int, name: str) -> None:
        r = self._random
        form = r.choice(_FORMS)
        common = {
            "website": f"{'-'.join(name.lower().split())}.example",
            "street": f"{r.choice(('Hauptstr.', 'Mill Lane', 'Quai Nord'))} {r.randint(1, 180)}",
            "city": r.choice(("Leeds", "Kassel", "Lyon", "Aarhus")),
            "postcode": str(r.randint(10000, 99999)), "country": "DE",
            "tax_id": f"DE{r.randint(10**8, 10**9 - 1)}",
        }  # fmt: skip
        self.crm.append(Company(id=f"001{number:04}", name=f"{name} {form}", **common))
        shown = f"{name} {form}"
        if number % 7 == 0:  # renamed since; tax id and address stayed
            shown = f"{r.choice(_FIRST)} {r.choice(_SECOND)} Holding {number}"
        elif number % 3 == 0:
            shown = f"{name.upper()} {form.lower()}."
        if number % 4 == 1:  # finance keeps neither web site nor phone
            common["website"] = ""
        self.erp.append(Company(id=f"C{number:04}", name=shown, **common))

    def _anybody(self) -> int:
        return self._random.randrange(len(self.erp))

    def _amount(self) -> Decimal:
        return Decimal(round(self._random.lognormvariate(9, 1.1) * 100)) / 100

    def _day(self) -> date:
        return date(2026, 1, 1) + timedelta(days=self._random.randrange(365))

    def _deal(self, who: int, truth: Truth, amount: Decimal | None = None, day: date | None = None,
              customer: Company | None = None) -> DealRecord:  # fmt: skip
        company = customer or self.crm[who]
        deal = DealRecord(
            id=f"006{next(self._numbers):05}", name="", customer_id=company.id,
            customer=company.name, amount=amount or self._amount(),
            currency=self._random.choice(_CURRENCIES), won_on=day or self._day(),
        )  # fmt: skip
        self.deals.append(deal)
        self.truth[deal.id] = truth
        return deal

    def _order(self, who: int, sold: DealRecord, *, days: int | None = None,
               amount: Decimal | None = None, **more: str | bool) -> OrderRecord:  # fmt: skip
        company = self.erp[who]
        values = {
            "number": f"SO{next(self._numbers):05}", "customer_id": company.id,
            "customer": company.name, "amount": sold.amount if amount is None else amount,
            "currency": sold.currency,
            "ordered_on": sold.won_on
            + timedelta(days=self._random.randint(0, 20) if days is None else days),
        }  # fmt: skip
        order = OrderRecord(**(values | more))  # type: ignore[arg-type]
        self.orders.append(order)
        return order

    # ── what happens ─────────────────────────────────────────────────────────────────────────

    def _named(self) -> None:
        who = self._anybody()
        deal = self._deal(who, Truth("order names the deal"))
        self._order(who, deal, deal=deal.id)

    def _by_hand(self) -> None:
        who = self._anybody()
        deal = self._deal(who, Truth("typed into the ERP"))
        factor = Decimal(self._random.choice((0, 0, 0, -1500, -700, 300, 1200, 1500))) / 100_000
        amount = (deal.amount * (1 + factor)).quantize(Decimal("0.01"))
        self._order(who, deal, amount=amount, days=self._random.randint(-5, 25))

    def _in_parts(self) -> None:
        who = self._anybody()
        deal = self._deal(who, Truth("ordered in parts"))
        first = (deal.amount * Decimal(self._random.choice(("0.3", "0.5", "0.62")))).quantize(
            Decimal("0.01"))  # fmt: skip
        rest = deal.amount - first
        parts = [first, rest]
        if self._random.random() < 0.4:
            third = (rest / 3).quantize(Decimal("0.01"))
            parts = [first, third, rest - third]
        for amount in parts:
            self._order(who, deal, amount=amount)

    def _together(self) -> None:
        who, day = self._anybody(), self._day()
        one = self._deal(who, Truth("ordered together with another"), day=day)
        two = self._deal(who, Truth("ordered together with another"), day=day + timedelta(days=4))
        if one.currency != two.currency:
            self._order(who, one), self._order(who, two)
        else:
            self._order(who, two, amount=one.amount + two.amount, days=3)

    def _same_values(self) -> None:
        """Three deals and orders of nearly one value: each fits several, in one way all fit."""
        who, day, base = self._anybody(), self._day(), self._amount() + 500
        for step in range(3):
            amount = (base * (1 + Decimal(step) * Decimal("0.012"))).quantize(Decimal("0.01"))
            deal = self._deal(who, Truth("one of a series"), amount=amount, day=day)
            self._order(who, deal, days=2, amount=(amount * Decimal("1.011")).quantize(
                Decimal("0.01")), currency=deal.currency)  # fmt: skip

    def _never_ordered(self) -> None:
        self._deal(self._anybody(), Truth("forgotten", leak=True))

    def _cancelled(self) -> None:
        who = self._anybody()
        deal = self._deal(who, Truth("order cancelled", leak=True))
        self._order(who, deal, cancelled=True)

    def _unknown_customer(self) -> None:
        name = f"{self._random.choice(_FIRST)} & Sons {next(self._numbers)} GmbH"
        company = Company(id=f"001X{next(self._numbers)}", name=name, website="", country="DE",
                          city="Trier", street="Domplatz 1", postcode="54290")  # fmt: skip
        self.crm.append(company)
        self._deal(0, Truth("customer never reached the ERP", leak=True), customer=company)

    def _in_other_currency(self) -> None:
        who = self._anybody()
        deal = self._deal(who, Truth("other currency", odd=True))
        other = "CHF"
        amount = (deal.amount * Decimal("1.07")).quantize(Decimal("0.01"))
        self._order(who, deal, amount=amount, currency=other)

    def _other_amount(self) -> None:
        who = self._anybody()
        deal = self._deal(who, Truth("other amount", odd=True))
        amount = (deal.amount * Decimal("0.7")).quantize(Decimal("0.01"))
        self._order(who, deal, amount=amount, deal=deal.id)

    def _late(self) -> None:
        who = self._anybody()
        self._order(who, self._deal(who, Truth("ordered late", odd=True)), days=90)

    def _twice(self) -> None:
        who = self._anybody()
        deal = self._deal(who, Truth("ordered twice", odd=True))
        self._order(who, deal, deal=deal.id, days=1)
        self._order(who, deal, days=9)

    def _direct_order(self) -> None:
        who = self._anybody()
        mine = [d for d in self.deals if d.customer_id == self.crm[who].id]
        for amount, day in self._tries():
            if all(
                abs(amount - d.amount) > d.amount * Decimal("0.05")
                or abs((day - d.won_on).days) > 45
                for d in mine
            ):
                company = self.erp[who]
                self.orders.append(OrderRecord(
                    number=f"SO{next(self._numbers):05}", customer_id=company.id,
                    customer=company.name, amount=amount,
                    currency=self._random.choice(_CURRENCIES), ordered_on=day,
                ))  # fmt: skip
                return

    def _tries(self) -> Iterator[tuple[Decimal, date]]:
        while True:
            yield self._amount(), self._day()
