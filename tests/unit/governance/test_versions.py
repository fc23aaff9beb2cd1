"""Versions of the map, field by field."""

from __future__ import annotations

import msgspec
import pytest

from interlock.governance.rules import FieldRule, OnCreate, OnForeignEdit, Ownership
from interlock.governance.versions import FieldVersion, MapVersion, barred, describe

CRM = FieldRule(field="website", ownership=Ownership.CRM)


def holding(rule: FieldRule = CRM, **more: object) -> MapVersion:
    field = FieldVersion.of(rule, **more)
    return MapVersion(version="x", fields={"customer.website": field}, creates={"customer": "crm"})


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            holding(msgspec.structs.replace(CRM, ownership=Ownership.ERP)),
            "owner: crm -> erp",
        ),
        (
            holding(msgspec.structs.replace(CRM, on_foreign_edit=OnForeignEdit.FLAG)),
            "on_foreign_edit: revert -> flag",
        ),
        (holding(mapped={"erp": "1"}), "mapped differently in the ERP"),
        (MapVersion(creates={"customer": "crm"}), "no longer synced"),
    ],
)
def test_a_changed_rule_or_mapping_concerns_the_field(other: MapVersion, said: str) -> None:
    assert holding().changed(other) == ["customer.website"]
    assert holding().entities_changed(other) == {"customer"}
    assert describe(holding(), other, "customer.website") == said


def test_what_a_create_sends_concerns_no_record_that_is_there() -> None:
    other = msgspec.structs.replace(CRM, on_create=OnCreate.OMIT)
    assert holding().changed(holding(other)) == []
    assert holding().entities_changed(holding(other)) == set()


def test_another_rule_of_creating_concerns_the_entity() -> None:
    other = msgspec.structs.replace(holding(), creates={"customer": "none"})
    assert holding().changed(other) == []
    assert holding().entities_changed(other) == {"customer"}


def test_a_newly_synced_field_is_told() -> None:
    assert describe(MapVersion(), holding(), "customer.website") == "newly synced (owner: crm)"


@pytest.mark.parametrize("name", ["website", "customer.website", "Homepage"])
def test_a_name_newly_barred_covers_fields_by_any_of_their_names(name: str) -> None:
    old = holding(paths={"crm": ("Homepage",)})
    new = MapVersion(never={"crm": (name,)})
    assert barred(old, new, old.fields) == {"customer.website"}
    assert barred(new, new, old.fields) == set(), "it was barred before"


def test_the_other_systems_names_bar_nothing() -> None:
    old = holding(paths={"crm": ("Homepage",)})
    assert barred(old, MapVersion(never={"erp": ("Homepage",)}), old.fields) == set()
