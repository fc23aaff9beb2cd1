"""ownership.yaml: what compiles, and how every mistake is named."""

import pytest

from interlock.errors import ConfigurationError
from interlock.governance.compile import compile_boundary, compile_ownership, never_covers
from interlock.governance.rules import (
    ConflictRule,
    CreatePolicy,
    FirstLink,
    OnCreate,
    OnForeignEdit,
    Ownership,
    OwnershipMap,
    Side,
)
from interlock.model import ENTITIES, Money, Schema
from interlock.project.scaffold import default_ownership
from interlock.project.yaml import parse_yaml


def compiled(text: str, custom: dict[str, dict[str, str]] | None = None) -> OwnershipMap:
    return compile_ownership(parse_yaml(text, "ownership.yaml"), Schema(custom))


def problems(text: str, custom: dict[str, dict[str, str]] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        compiled(text, custom)
    return [f"{p.message.removeprefix('ownership.yaml:')} [{p.fix}]" for p in caught.value.problems]


GOOD = """\
schema_version: 1
customer:
  create: crm
  fields:
    name: {owner: shared, conflict: erp, first_link: crm, may_blank: true}
    website: crm
    payment_terms: {owner: erp, on_create: default, default: Net 30, on_foreign_edit: flag}
    credit_limit: {owner: erp, on_create: default, default: {amount: 500.50, currency: EUR}}
    custom.segment: {owner: crm, lossy_ok: true}
deal:
  fields:
    stage: local
boundary:
  never:
    crm: [notes]
    erp: [margin]
"""
SEGMENT = {"customer": {"segment": "text"}}


def test_every_option_reaches_its_rule():
    result = compiled(GOOD, SEGMENT)
    fields = result.entities["customer"].fields
    assert result.entities["customer"].create is CreatePolicy.CRM
    assert result.entities["deal"].create is CreatePolicy.NONE
    assert fields["name"].ownership is Ownership.SHARED
    assert fields["name"].conflict is ConflictRule.ERP
    assert fields["name"].first_link is FirstLink.CRM
    assert fields["name"].may_blank is True
    assert fields["website"].ownership is Ownership.CRM
    assert fields["website"].on_foreign_edit is OnForeignEdit.REVERT
    assert fields["payment_terms"].on_foreign_edit is OnForeignEdit.FLAG
    assert fields["payment_terms"].on_create is OnCreate.DEFAULT
    assert fields["payment_terms"].default == "Net 30"
    assert isinstance(fields["credit_limit"].default, Money)
    assert str(fields["credit_limit"].default.amount) == "500.50"
    assert fields["custom.segment"].lossy_ok is True
    assert result.entities["deal"].fields["stage"].ownership is Ownership.LOCAL
    assert result.never == {Side.CRM: frozenset({"notes"}), Side.ERP: frozenset({"margin"})}


def test_the_cross_reference_is_always_wanted_and_nothing_unnamed_is():
    wanted = compiled(GOOD, SEGMENT).wanted()
    assert wanted == {
        "customer": {
            "name", "website", "payment_terms", "credit_limit", "custom.segment", "other_id",
        },
        "deal": {"stage", "other_id"},
    }  # fmt: skip


def test_an_entity_without_a_cross_reference_gets_none():
    assert compiled("quote: {fields: {number: local}}").wanted() == {"quote": {"number"}}


def test_the_version_follows_the_meaning_not_the_spelling():
    reordered = GOOD.replace("    website: crm\n", "").replace(
        "    custom.segment:", "    website: {owner: crm}  # the same\n    custom.segment:"
    )
    assert compiled(reordered, SEGMENT).version == compiled(GOOD, SEGMENT).version
    for change in (("stage: local", "stage: crm"), ("[margin]", "[margin, cost]")):
        assert compiled(GOOD.replace(*change), SEGMENT).version != compiled(GOOD, SEGMENT).version


def test_the_default_map_compiles_and_decides_on_every_field_of_the_model():
    rules = compiled(default_ownership())
    for entity, struct in ENTITIES.items():
        expected = set(struct.__struct_fields__) - {"other_id"}
        assert set(rules.entities[entity].fields) == expected, entity


def test_the_default_map_keeps_the_standard_split():
    rules = compiled(default_ownership()).entities
    assert {r.ownership for r in rules["contact"].fields.values()} == {Ownership.CRM}
    assert {r.ownership for r in rules["order"].fields.values()} == {Ownership.ERP}
    product = rules["product"].fields
    assert {n for n, r in product.items() if r.ownership is not Ownership.ERP} == {
        "stock_quantity", "floor_price",
    }  # fmt: skip
    assert {r.ownership for r in rules["invoice"].fields.values()} == {Ownership.LOCAL}
    checked = {"quote_check", "quote_check_reason", "quote_checked_at"}
    quote = rules["quote"].fields
    assert {n for n, r in quote.items() if r.ownership is not Ownership.LOCAL} == checked
    assert rules["customer"].fields["billing_address"].conflict is ConflictRule.ERP
    assert rules["customer"].fields["credit_limit"].on_create is OnCreate.OMIT
    deal = rules["deal"].fields
    assert {n for n, r in deal.items() if r.ownership is not Ownership.LOCAL} == {
        "order_number", "order_status", "project_number", "project_status", "invoice_numbers",
        "invoice_total", "invoice_due_on", "payment_status", *checked,
    }  # fmt: skip
    assert rules["order"].create is CreatePolicy.NONE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "custmer: {fields: {name: crm}}",
            "1: unknown entity 'custmer' [did you mean 'customer'?]",
        ),
        (
            "customer:\n  fields:\n    name: crm\n    webste: crm",
            "4: unknown field 'customer.webste' [did you mean 'website'?]",
        ),
        (
            "customer:\n  fields:\n    custom.tier: crm",
            (
                "3: unknown field 'customer.custom.tier' "
                "[declare custom.tier with its type in the mapping file of each system]"
            ),
        ),
        (
            "customer:\n  fields:\n    name: crm\n    name: erp",
            "4: 'name' stands twice, first on line 3 [keep one of the two]",
        ),
        (
            "customer:\n  fields:\n    name: {owner: [crm, erp]}",
            "3: customer.name has several owners [name one, or `owner: shared`]",
        ),
        (
            "customer:\n  fields:\n    other_id: crm",
            "3: customer.other_id is Interlock's own and has no owner [remove the line]",
        ),
        (
            "customer:\n  fields:\n    name:\n      owner: crm\n      conflict: erp",
            (
                "5: customer.name: 'conflict' means nothing for an owner of 'crm' "
                "[remove it; it goes with owner shared]"
            ),
        ),
        (
            "deal:\n  fields:\n    stage: {owner: local, lossy_ok: true}",
            (
                "3: deal.stage: 'lossy_ok' means nothing for an owner of 'local' "
                "[remove it; it goes with owner crm, erp, shared]"
            ),
        ),
        (
            "customer:\n  fields:\n    name: {owner: crm, on_creat: seed}",
            "3: customer.name: unknown option 'on_creat' [did you mean 'on_create'?]",
        ),
        (
            "customer:\n  fields:\n    name: {owner: sales}",
            "3: customer.name.owner: 'sales' is not possible [known are: crm, erp, local, shared]",
        ),
        (
            "customer:\n  fields:\n    name: {owner: shared, conflict: latest}",
            (
                "3: customer.name.conflict: 'latest' is not possible "
                "[known are: crm, erp, manual, newest]"
            ),
        ),
        (
            "customer:\n  fields:\n    name: {owner: shared, may_blank: please}",
            "3: customer.name: may_blank is true or false [None]",
        ),
        (
            "customer:\n  fields:\n    name: {conflict: crm}",
            "3: customer.name needs an owner [write `owner: crm`, erp, shared or local]",
        ),
        (
            "customer: {create: crm, fields: {phone: {owner: erp, on_create: default}}}",
            "1: customer.phone: on_create: default needs a `default:` [None]",
        ),
        (
            "customer: {create: crm, fields: {phone: {owner: erp, default: x}}}",
            "1: customer.phone: a default is only sent with on_create: default [None]",
        ),
        (
            "customer: {create: crm, fields: {phone: {owner: crm, on_create: omit}}}",
            (
                "1: customer.phone: on_create has no effect, since new records come from "
                "the crm, which owns the field [remove it]"
            ),
        ),
        (
            "customer: {fields: {phone: {owner: crm, on_create: omit}}}",
            (
                "1: customer.phone: on_create has no effect, since nothing is created "
                "(create: none) [remove it]"
            ),
        ),
        (
            "customer: {create: erp, fields: {name: crm}, field: 3}",
            "1: unknown part of customer 'field' [did you mean 'fields'?]",
        ),
        (
            "customer: {create: maybe, fields: {name: crm}}",
            "1: customer.create: 'maybe' is not possible [known are: crm, erp, none]",
        ),
        (
            "customer: {fields: {name: crm}}\nboundary:\n  always: {}",
            "3: unknown part of the boundary 'always' [known are: never]",
        ),
        (
            "customer: {fields: {name: crm}}\nboundary:\n  never:\n    cmr: [notes]",
            "4: unknown side 'cmr' [did you mean 'crm'?]",
        ),
        (
            "customer: {fields: {name: crm}}\nboundary:\n  never:\n    crm: notes",
            "4: never.crm must be a list of field names [None]",
        ),
        ("schema_version: 1", "1: no entity is named, so nothing would be synced [None]"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_to_do(text: str, expected: str):
    assert problems(text) == [expected]


def test_a_default_of_the_wrong_type_is_refused():
    text = "customer: {create: crm, fields: {credit_limit: {owner: erp, on_create: default, "
    (problem,) = problems(text + "default: 5}}}")
    assert problem.startswith("1: customer.credit_limit: the default does not fit")


@pytest.mark.parametrize("policy", ["adopt", "ignore"])
def test_what_is_born_elsewhere_needs_something_that_is_created(policy: str):
    text = "customer: {create: none, born_elsewhere: POLICY, fields: {name: crm}}"
    (problem,) = problems(text.replace("POLICY", policy))
    assert "born_elsewhere has no effect" in problem
    assert compiled(text.replace("POLICY", "flag")).entities["customer"].created == "none"


def test_a_figure_is_the_erps():
    (problem,) = problems("customer: {fields: {balance: crm}}")
    assert "balance is a figure of the ERP" in problem


def test_never_is_not_an_owner():
    (problem,) = problems("customer: {fields: {name: never}}")
    assert "cannot be owned by 'never'" in problem


def test_all_mistakes_come_at_once():
    found = problems("custmer: {}\ncustomer:\n  fields:\n    nme: crm\n    name: {owner: x}\n")
    assert [p.partition(":")[0] for p in found] == ["1", "4", "5"]


@pytest.mark.parametrize("barred", ["phone", "Phone", "customer.phone", "customer"])
def test_a_field_behind_the_boundary_cannot_be_owned(barred: str):
    (problem,) = problems(
        f"customer:\n  fields:\n    phone: crm\nboundary:\n  never:\n    crm: [{barred}]"
    )
    assert problem.startswith("3: customer.phone cannot be synced: it is behind the boundary")


def test_a_custom_field_named_like_a_barred_one_cannot_be_owned():
    text = "customer: {fields: {custom.notes: crm}}\nboundary: {never: {erp: [notes]}}"
    (problem,) = problems(text, {"customer": {"notes": "text"}})
    assert "behind the boundary" in problem


@pytest.mark.parametrize(
    ("path", "barred"),
    [
        ("cost_price", True),
        ("properties.cost_price", True),
        ("product.COST_PRICE.amount", True),
        ("list_price.amount", True),
        ("list_price", False),
        ("cost_price_2", False),
        ("my_cost_price", False),
    ],
)
def test_the_boundary_covers_steps_of_a_path_and_never_parts_of_a_name(path: str, barred: bool):
    never = frozenset({"cost_price", "list_price.amount"})
    assert (never_covers(never, path) is not None) is barred


def test_a_broken_boundary_reads_as_empty_until_it_is_refused():
    for text in ("boundary: 3", "boundary: {never: x}", "boundary: {never: {crm: 4}}", "[]"):
        document = parse_yaml(text, "ownership.yaml")
        assert compile_boundary(document) == {Side.CRM: frozenset(), Side.ERP: frozenset()}


@pytest.mark.parametrize("text", ["[]", "x", "customer: 3", "customer: {fields: [name]}", ""])
def test_a_file_of_another_shape_is_refused_not_a_crash(text: str):
    assert problems(text)
