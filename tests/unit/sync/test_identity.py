"""References of creates and digests of writes: the same for the same, and for nothing else."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from interlock.governance.rules import Side
from interlock.model import Address, Ref, Schema, WriteKind
from interlock.sync.decision import Translator
from interlock.sync.identity import digest_of, reference_of
from interlock.sync.progress import Run

SCHEMA = Schema()


def reference(
    *,
    installation: str = "4k2m9x",
    source: str = "crm",
    entity: str = "deal",
    record: str = "7",
    target: str = "order",
    revision: int = 1,
) -> str:
    pair: Any = SimpleNamespace(
        installation=installation, side=lambda _side: SimpleNamespace(id=source)
    )
    return reference_of(pair, Side.ERP, entity, record, target, revision)


class TestReference:
    def test_it_is_short_plain_and_names_the_installation(self) -> None:
        assert re.fullmatch(r"il-4k2m9x-[0-9A-HJKMNP-TV-Z]{16}", reference())
        assert len(reference(installation="x" * 12)) <= 40

    def test_it_is_the_same_after_any_restart(self) -> None:
        """A rebuilt store must find what an earlier one has made: this text never changes."""
        assert reference() == "il-4k2m9x-8Q745MHDX13ZBR5G"

    def test_whatever_differs_makes_another(self) -> None:
        others = {
            reference(installation="other1"),
            reference(source="crm2"),
            reference(entity="quote"),
            reference(record="8"),
            reference(target="invoice"),
            reference(revision=2),
        }
        assert len(others | {reference()}) == 7

    @given(
        st.lists(st.text(st.sampled_from("ab1"), min_size=1, max_size=3), min_size=2, max_size=2)
    )
    def test_parts_do_not_run_into_each_other(self, parts: list[str]) -> None:
        one, two = parts
        same = reference(entity=one, record=two) == reference(entity=one + two[0], record=two[1:])
        assert not same


def digest(
    fields: dict[str, Any] | None = None, expected: dict[str, Any] | None = None, **changes: Any
) -> str:
    values: dict[str, Any] = {
        "target": Side.ERP, "entity": "customer", "kind": WriteKind.UPDATE, "subject": "7",
    }  # fmt: skip
    values |= changes
    return digest_of(
        SCHEMA["customer"],
        values["target"],
        values["entity"],
        values["kind"],
        values["subject"],
        {"name": "a", "phone": None} if fields is None else fields,
        expected or {},
    )


class TestDigest:
    def test_the_order_of_fields_is_no_matter(self) -> None:
        assert digest({"phone": None, "name": "a"}) == digest({"name": "a", "phone": None})

    def test_whatever_a_person_approved_is_in_it(self) -> None:
        others = {
            digest({"name": "b", "phone": None}),
            digest({"name": "a"}),
            digest({"name": "a", "phone": "1"}),
            digest(expected={"name": "x"}),
            digest(subject="8"),
            digest(target=Side.CRM),
            digest(kind=WriteKind.CREATE),
            digest({"billing_address": Address(city="a")}),
        }
        assert len(others | {digest()}) == 9


class TestTranslator:
    def test_references_become_those_of_links(self) -> None:
        translate = Translator({(Side.CRM, "customer", "c1"): 7})
        fields = {"customer": Ref("customer", "c1"), "name": "Jo"}
        assert translate.fields(Side.CRM, fields) == {
            "customer": Ref("customer", "@7"), "name": "Jo",
        }  # fmt: skip
        assert fields["customer"] == Ref("customer", "c1"), "what was seen stays as it is"

    def test_one_to_a_record_without_a_link_says_whose_it_is(self) -> None:
        translate = Translator({(Side.CRM, "customer", "c1"): 7})
        found = translate.fields(Side.ERP, {"customer": Ref("customer", "c1")})
        assert found == {"customer": Ref("customer", "~c1")}
        both = translate.fields(Side.CRM, {"customer": Ref("customer", "@9")})
        assert both == {"customer": Ref("customer", "@9")}


def test_a_run_notes_a_problem_once() -> None:
    run = Run(id="r")
    for _ in range(2):
        run.problem("crm", "cannot reach it", "check the network", "unreachable")
    run.problem("erp", "cannot reach it", "check the network", "unreachable")
    assert [p.subject for p in run.problems] == ["crm", "erp"]
