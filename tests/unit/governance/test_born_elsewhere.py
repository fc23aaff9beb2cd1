"""Where records of an entity are created from, and which are left where they are."""

from __future__ import annotations

import pytest

from interlock.governance.rules import BornElsewhere, CreatePolicy, EntityRules, Side


def rules(create: str, born_elsewhere: str) -> EntityRules:
    return EntityRules(
        entity="customer",
        fields={},
        create=CreatePolicy(create),
        born_elsewhere=BornElsewhere(born_elsewhere),
    )


@pytest.mark.parametrize(
    ("create", "born_elsewhere", "created", "ignored"),
    [
        ("crm", "flag", {Side.CRM}, set()),
        ("crm", "adopt", {Side.CRM, Side.ERP}, set()),
        ("crm", "ignore", {Side.CRM}, {Side.ERP}),
        ("erp", "ignore", {Side.ERP}, {Side.CRM}),
        ("none", "ignore", set(), set()),
    ],
)
def test_each_side_is_created_from_or_left_alone(
    create: str, born_elsewhere: str, created: set[Side], ignored: set[Side]
) -> None:
    found = rules(create, born_elsewhere)
    assert {side for side in Side if found.creates_from(side)} == created
    assert {side for side in Side if found.ignores_from(side)} == ignored
