"""Fill a fresh Tryton database with the least that a sales company needs.

Runs inside the Tryton environment: `seed.py OUT PRODUCTS`, with the database chosen by `DB_NAME`
and `TRYTOND_CONFIG`. OUT receives one JSON object: record ids and the credentials of the user the
connector signs in as. Countries and currencies are made by hand, since the import scripts would
need the network. Everything is found by code or name, never by an assumed id: modules bring rows of
their own.
"""

import datetime as dt
import json
import secrets
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from proteus import Model, Wizard  # type: ignore[import-not-found]
from proteus import config as session

COUNTRIES = (
    ("BE", "BEL", "056", "Belgium"),
    ("DE", "DEU", "276", "Germany"),
    ("FR", "FRA", "250", "France"),
    ("GB", "GBR", "826", "United Kingdom"),
    ("NL", "NLD", "528", "Netherlands"),
    ("US", "USA", "840", "United States"),
)
CURRENCIES = (("USD", "US Dollar", "$", "1"), ("EUR", "Euro", "€", "0.9"))
TERMS = (("Immediate", 0), ("Net 30", 30), ("Net 60", 60))
GROUPS = (
    "Sales", "Sales Administrator", "Accounting", "Payment", "Dunning", "Stock",
    "Project Administration",
)  # fmt: skip

Ids = dict[str, Any]
get: Any = Model.get


def one(model: str, **equal: Any) -> Any:
    """Return the first record of `model` whose fields equal the given values."""
    domain = [(name.replace("__", "."), "=", value) for name, value in equal.items()]
    return get(model).find(domain, limit=1)[0]


def seed_geography(ids: Ids) -> None:
    """Make countries and currencies; rates are units per US dollar, valid since 2000."""
    ids["countries"], ids["currencies"] = {}, {}
    for code, code3, numeric, name in COUNTRIES:
        country = get("country.country")(name=name, code=code, code3=code3, code_numeric=numeric)
        country.save()
        ids["countries"][code] = country.id
    for code, name, symbol, value in CURRENCIES:
        currency = get("currency.currency")(
            name=name, code=code, symbol=symbol, rounding=Decimal("0.01"), digits=2
        )
        rate = currency.rates.new()
        rate.date, rate.rate = dt.date(2000, 1, 1), Decimal(value)
        currency.save()
        ids["currencies"][code] = currency.id


def seed_company(config: Any, ids: Ids) -> Any:
    """Make the company, in US dollars, and make it the current one."""
    party = get("party.party")(name="Interlock Industries")
    party.save()
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party, wizard.form.currency = party, one("currency.currency", code="USD")
    wizard.execute("add")
    config._context = get("res.user").get_preferences(True, {})
    company = one("company.company")
    ids.update(company=company.id, company_party=party.id)
    return company


def seed_accounts(company: Any, ids: Ids) -> dict[str, Any]:
    """Make the small English chart of accounts and three fiscal years of monthly periods."""
    template_id = get("ir.model.data").get_id(
        "account.account_template_root_en", session.get_config().context
    )
    wizard = Wizard("account.create_chart")
    wizard.execute("account")
    wizard.form.account_template = get("account.account.template")(template_id)
    wizard.form.company = company
    wizard.execute("create_account")
    accounts = {
        kind: one("account.account", **{f"type__{kind}": True}, closed=False)
        for kind in ("receivable", "payable", "revenue", "expense")
    }
    accounts["cash"] = one("account.account", code="1.1.1")
    accounts["tax"] = one("account.account", code="6.3.6")
    wizard.form.account_receivable = accounts["receivable"]
    wizard.form.account_payable = accounts["payable"]
    for kind in ("revenue", "expense"):
        if hasattr(wizard.form, f"category_account_{kind}"):
            setattr(wizard.form, f"category_account_{kind}", accounts[kind])
    wizard.execute("create_properties")
    # Without these an invoice in another currency than the company's cannot be posted.
    settings = get("account.configuration")(1)
    settings.currency_exchange_journal = one("account.journal", code="EXC")
    settings.currency_exchange_debit_account = exchange = seed_exchange(company)
    settings.currency_exchange_credit_account = exchange
    settings.save()
    this_year = dt.date.today().year  # noqa: DTZ011 - Tryton's own idea of today
    for year in (this_year - 1, this_year, this_year + 1):
        seed_fiscal_year(company, year)
    ids["accounts"] = {kind: account.id for kind, account in accounts.items()}
    return accounts


def seed_exchange(company: Any) -> Any:
    """Make an account for the cents that exchange leaves over: they are no revenue of an invoice."""
    kind = get("account.account.type")(
        name="Currency exchange", company=company, statement="income"
    )
    kind.save()
    account = get("account.account")(name="Currency exchange", company=company, type=kind)
    account.save()
    return account


def seed_fiscal_year(company: Any, year: int) -> None:
    """Make one fiscal year with its periods and number sequences."""
    fiscal = get("account.fiscalyear")(
        name=str(year),
        company=company,
        start_date=dt.date(year, 1, 1),
        end_date=dt.date(year, 12, 31),
    )
    sequences = {}
    for kind in ("Account Move", "Invoice"):
        sequences[kind] = get("ir.sequence.strict")(
            name=f"{kind} {year}",
            sequence_type=one("ir.sequence.type", name=kind),
            company=company,
        )
        sequences[kind].save()
    fiscal.move_sequence = sequences["Account Move"]
    (numbering,) = fiscal.invoice_sequences
    for kind in ("out_invoice", "in_invoice", "out_credit_note", "in_credit_note"):
        setattr(numbering, f"{kind}_sequence", sequences["Invoice"])
    fiscal.save()
    fiscal.click("create_period")


def seed_terms(accounts: dict[str, Any], ids: Ids) -> Any:
    """Make the tax, the payment terms, a cash payment method and the dunning procedure."""
    tax = get("account.tax")(
        name="VAT 20%",
        description="VAT 20%",
        type="percentage",
        rate=Decimal("0.20"),
        invoice_account=accounts["tax"],
        credit_note_account=accounts["tax"],
    )
    tax.save()
    ids["tax"], ids["payment_terms"] = tax.id, {}
    for name, days in TERMS:
        term = get("account.invoice.payment_term")(name=name)
        line = term.lines.new(type="remainder")
        if days:
            line.relativedeltas.new(days=days)
        term.save()
        ids["payment_terms"][name] = term.id
    method = get("account.invoice.payment.method")(
        name="Cash",
        journal=one("account.journal", type="cash"),
        credit_account=accounts["cash"],
        debit_account=accounts["cash"],
    )
    method.save()
    procedure = get("account.dunning.procedure")(name="Standard")
    for sequence, days, hold in ((1, 5, False), (2, 30, True)):
        level = procedure.levels.new()
        level.sequence, level.overdue, level.credit_limit = sequence, dt.timedelta(days), hold
    procedure.save()
    ids.update(payment_method=method.id, dunning_procedure=procedure.id)
    return tax


def seed_products(count: int, accounts: dict[str, Any], tax: Any, ids: Ids) -> None:
    """Make products W-001 and up with stock, and a price list 10% below the list price."""
    category = get("product.category")(
        name="Goods",
        accounting=True,
        account_revenue=accounts["revenue"],
        account_expense=accounts["expense"],
    )
    category.customer_taxes.append(tax)
    category.save()
    unit = one("product.uom", symbol="u")
    products = []
    for number in range(1, count + 1):
        template = get("product.template")(
            name=f"Widget {number:03d}",
            default_uom=unit,
            type="goods",
            salable=True,
            list_price=Decimal(10 * number),
            account_category=category,
        )
        (product,) = template.products
        product.cost_price = Decimal(4 * number)
        product.suffix_code = f"W-{number:03d}"
        template.save()
        products.append(template.products[0])
    storage = one("stock.location", code="STO")
    inventory = get("stock.inventory")(location=storage)
    for number, product in enumerate(products):
        inventory.lines.new(product=product, quantity=100.0 + number, expected_quantity=0.0)
    inventory.click("confirm")
    prices = get("product.price_list")(
        name="Partner 10% off", unit="product_default", price="list_price"
    )
    prices.lines.new().formula = "list_price * 0.9"
    prices.save()
    ids.update(
        unit=unit.id,
        storage=storage.id,
        warehouse=one("stock.location", code="WH").id,
        price_list=prices.id,
        account_category=category.id,
        products={product.code: product.id for product in products},
    )


def seed_parties(ids: Ids) -> None:
    """Make what marks a party as a customer, and as a contact person of one.

    Tryton has no customer flag: a category is the usual way to tell customers from other parties.
    """
    customer = get("party.category")(name="Customer")
    customer.save()
    works, employs = (get("party.relation.type")(name=name) for name in ("Contact of", "Contact"))
    works.save()
    employs.reverse = works
    employs.save()
    works.reverse = employs
    works.save()
    ids["party_categories"] = {"Customer": customer.id}
    ids["relation_types"] = {"Contact of": works.id, "Contact": employs.id}


def seed_user(company: Any, ids: Ids) -> dict[str, str]:
    """Make the least-privilege user the connector signs in as, and return its credentials."""
    credentials = {"login": "interlock", "password": secrets.token_urlsafe(18)}
    user = get("res.user")(name="Interlock", **credentials)
    for name in GROUPS:
        user.groups.append(one("res.group", name=name))
    user.companies.append(company)
    user.save()
    user.company = company
    user.save()
    ids["interlock_user"] = user.id
    return credentials


def main() -> None:
    """Seed the database named on the command line and write the ids."""
    _, out, products = sys.argv
    config = session.set_trytond()
    config.skip_warning = True
    ids: Ids = {}
    seed_geography(ids)
    company = seed_company(config, ids)
    accounts = seed_accounts(company, ids)
    tax = seed_terms(accounts, ids)
    seed_products(int(products), accounts, tax, ids)
    seed_parties(ids)
    credentials = seed_user(company, ids)
    Path(out).write_text(json.dumps({**credentials, "ids": ids}))


if __name__ == "__main__":
    main()
