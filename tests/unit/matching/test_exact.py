"""Which records are linked without a person, which are suggested, which are alone."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.matching.exact import (
    FREQUENT,
    Candidate,
    Matches,
    Signs,
    contact_signs,
    customer_signs,
    match_exact,
    product_signs,
)
from interlock.model import Address

ACME = {
    "name": "Acme GmbH",
    "website": "https://acme.com",
    "billing_address": Address(city="Ulm", postcode="89073", country="DE"),
    "tax_id": "DE136695976",
    "phone": "+49 711 1234567",
}


def customers(**records: dict[str, Any]) -> list[Candidate]:
    return [Candidate(i, customer_signs({**f})) for i, f in records.items()]


def only(name: str) -> dict[str, Any]:
    return {"name": name}


def without(*fields: str, **changes: Any) -> dict[str, Any]:
    return {k: v for k, v in ACME.items() if k not in fields} | changes


class TestCustomers:
    def test_the_same_valid_tax_id_links(self) -> None:
        found = match_exact(
            customers(c=ACME), customers(e={"tax_id": "de 136 695 976", "name": "Other"})
        )
        assert found.links == [("c", "e", "same valid tax id")]
        assert not found.suggestions
        assert not found.alone_crm
        assert not found.alone_erp

    def test_an_invalid_tax_id_only_suggests(self) -> None:
        found = match_exact(
            customers(c={"name": "A", "tax_id": "12345"}),
            customers(e={"name": "B", "tax_id": "12345"}),
        )
        assert found.links == []
        assert found.suggestions == [("c", "e", "same tax id")]

    def test_name_domain_and_postal_code_link(self) -> None:
        found = match_exact(
            customers(c=without("tax_id", "phone")),
            customers(e=without("tax_id", "phone", name="ACME", website="www.acme.com/de")),
        )
        assert [(c, e) for c, e, _ in found.links] == [("c", "e")]

    @pytest.mark.parametrize(
        "change",
        [
            {"name": "Acme Holding"},
            {"website": "acme.org"},
            {"website": None},
            {"billing_address": Address(postcode="10115")},
            {"billing_address": None},
        ],
    )
    def test_two_of_the_three_only_suggest(self, change: dict[str, Any]) -> None:
        found = match_exact(
            customers(c=without("tax_id", "phone")),
            customers(e=without("tax_id", "phone", **change)),
        )
        assert found.links == []
        assert [(c, e) for c, e, _ in found.suggestions] == [("c", "e")]
        assert not found.alone_crm, "what may have a counterpart is not alone"

    @pytest.mark.parametrize(
        "shared",
        [
            {"name": "Acme"},
            {"website": "acme.com"},
            {"email": "jo@acme.com"},
            {"phone": "0711 1234567"},
        ],
    )
    def test_any_sign_in_common_suggests(self, shared: dict[str, Any]) -> None:
        found = match_exact(customers(c=shared), customers(e=shared))
        assert found.links == []
        assert len(found.suggestions) == 1

    def test_a_mailbox_at_a_shared_host_is_no_sign_of_a_company(self) -> None:
        found = match_exact(
            customers(c={"name": "A", "website": "gmail.com"}),
            customers(e={"name": "B", "email": "b@gmail.com"}),
        )
        assert (found.alone_crm, found.alone_erp) == (["c"], ["e"])

    def test_nothing_in_common_is_alone(self) -> None:
        found = match_exact(customers(c=only("A")), customers(e=only("B")))
        assert (found.alone_crm, found.alone_erp) == (["c"], ["e"])

    def test_records_without_anything_are_alone(self) -> None:
        found = match_exact(customers(c={}, d={}), customers(e={}))
        assert (found.alone_crm, found.alone_erp) == (["c", "d"], ["e"])


class TestAmbiguity:
    def test_two_on_one_side_link_nothing(self) -> None:
        found = match_exact(customers(c1=ACME, c2=ACME), customers(e=ACME))
        assert found.links == []
        assert [(c, e) for c, e, _ in found.suggestions] == [("c1", "e"), ("c2", "e")]
        assert "shared by others" in found.suggestions[0][2]

    def test_two_signs_that_point_to_two_records_link_neither(self) -> None:
        found = match_exact(
            customers(c=ACME),
            customers(
                tax={"tax_id": "DE136695976", "name": "Someone"}, name=without("tax_id", "phone")
            ),
        )
        assert found.links == []
        assert {e for _, e, _ in found.suggestions} == {"tax", "name"}

    def test_two_signs_that_point_to_the_same_record_link_it(self) -> None:
        assert len(match_exact(customers(c=ACME), customers(e=ACME)).links) == 1

    def test_a_double_of_a_linked_record_is_suggested_not_linked(self) -> None:
        taken = Candidate("e", customer_signs(ACME), taken=True)
        found = match_exact(customers(new=ACME), [taken])
        assert found.links == []
        assert [(c, e) for c, e, _ in found.suggestions] == [("new", "e")]
        assert not found.alone_crm, "or the double would be created on the other side"

    def test_linked_records_are_none_of_its_business(self) -> None:
        signs = customer_signs(ACME)
        found = match_exact(
            [Candidate("c", signs, taken=True)], [Candidate("e", signs, taken=True)]
        )
        assert found == Matches(links=[], suggestions=[], alone_crm=[], alone_erp=[])

    def test_a_double_of_both_linked_records_is_suggested(self) -> None:
        signs = customer_signs(ACME)
        found = match_exact(
            [Candidate("c", signs, taken=True), Candidate("c2", signs)],
            [Candidate("e", signs, taken=True)],
        )
        assert found.links == []
        assert [(c, e) for c, e, _ in found.suggestions] == [("c2", "e")]


class TestRefusedPairs:
    def test_a_refused_pair_is_neither_linked_nor_suggested(self) -> None:
        found = match_exact(customers(c=ACME), customers(e=ACME), {("c", "e")})
        assert found.links == []
        assert found.suggestions == []
        assert (found.alone_crm, found.alone_erp) == (["c"], ["e"])

    def test_a_refused_record_still_counts_as_one_more_of_the_kind(self) -> None:
        """Refusing one of two doubles must not link the other by itself."""
        found = match_exact(customers(c=ACME), customers(e1=ACME, e2=ACME), {("c", "e1")})
        assert found.links == []
        assert [(c, e) for c, e, _ in found.suggestions] == [("c", "e2")]


class TestFrequentKeys:
    def test_a_weak_sign_of_many_says_nothing(self) -> None:
        many = {f"c{i}": {"name": f"N{i}", "phone": "0711 1234567"} for i in range(FREQUENT + 1)}
        found = match_exact(customers(**many), customers(e={"name": "X", "phone": "07111234567"}))
        assert found.suggestions == []
        assert found.alone_erp == ["e"]

    def test_up_to_that_many_it_does(self) -> None:
        many = {f"c{i}": {"name": f"N{i}", "phone": "0711 1234567"} for i in range(FREQUENT)}
        found = match_exact(customers(**many), customers(e={"name": "X", "phone": "07111234567"}))
        assert len(found.suggestions) == FREQUENT

    def test_a_strong_sign_of_many_still_keeps_them_from_being_created(self) -> None:
        many = {f"r{i}": {"tax_id": "DE136695976", "name": f"N{i}"} for i in range(300)}
        found = match_exact(customers(**many), customers(**many))
        assert found.links == []
        assert found.alone_crm == []
        assert found.alone_erp == []

    def test_ten_thousand_records_of_one_name_take_no_time(self) -> None:
        names = {f"r{i}": only("Kiosk") for i in range(10_000)}
        start = time.process_time()
        found = match_exact(customers(**names), customers(**names))
        assert time.process_time() - start < 5
        assert len(found.alone_crm) == 10_000


class TestOtherEntities:
    def test_products_are_told_by_their_sku_alone(self) -> None:
        left = [Candidate("c", product_signs({"sku": " ab-1 ", "name": "One"}))]
        right = [
            Candidate("e", product_signs({"sku": "AB-1", "name": "Uno"})),
            Candidate("f", product_signs({"sku": None, "name": "One"})),
        ]
        found = match_exact(left, right)
        assert found.links == [("c", "e", "same SKU")]
        assert found.alone_erp == ["f"]

    def test_a_contact_is_linked_by_its_mailbox_at_its_customer(self) -> None:
        jo = {"name": "Jo Doe", "email": "jo@acme.com"}
        assert len(contact_signs(jo, "7").strong) == 1
        assert contact_signs(jo, "").strong == ()
        left = [Candidate("c", contact_signs(jo, "7"))]
        assert match_exact(left, [Candidate("e", contact_signs(jo, "7"))]).links
        elsewhere = match_exact(left, [Candidate("e", contact_signs(jo, "8"))])
        assert elsewhere.links == []
        assert elsewhere.suggestions == [("c", "e", "same e-mail")]

    def test_two_people_of_one_name_at_different_customers_are_two(self) -> None:
        jo = {"name": "Jo Doe"}
        found = match_exact(
            [Candidate("c", contact_signs(jo, "7"))], [Candidate("e", contact_signs(jo, "8"))]
        )
        assert found.alone_crm == ["c"]

    def test_values_of_another_type_are_no_sign(self) -> None:
        signs = customer_signs({"name": None, "billing_address": None, "tax_id": None})
        assert signs == Signs((), ())


keys = st.sampled_from(["a", "b", "c"])
signs = st.builds(
    Signs,
    st.lists(keys.map(lambda k: ("strong", k)), max_size=2, unique=True).map(tuple),
    st.lists(keys.map(lambda k: ("weak", k)), max_size=2, unique=True).map(tuple),
)
sides = st.lists(st.tuples(signs, st.booleans()), max_size=5).map(
    lambda rows: [Candidate(str(i), s, taken) for i, (s, taken) in enumerate(rows)]
)
pairs = st.sets(st.tuples(st.sampled_from("01234"), st.sampled_from("01234")), max_size=3)


@given(sides, sides, pairs)
def test_every_free_record_is_in_exactly_one_place(
    crm: list[Candidate], erp: list[Candidate], refused: set[tuple[str, str]]
) -> None:
    found = match_exact(crm, erp, refused)
    for position, records, alone in ((0, crm, found.alone_crm), (1, erp, found.alone_erp)):
        linked = [pair[position] for pair in found.links]
        assert len(linked) == len(set(linked)), "a record has one partner"
        suggested = {pair[position] for pair in found.suggestions}
        for record in records:
            places = [record.id in linked, record.id in alone]
            assert sum(places) <= 1
            assert record.taken or sum(places) == 1 or record.id in suggested
            assert not (record.taken and any(places))
            assert not (record.id in alone and record.id in suggested)
    assert not refused & {(c, e) for c, e, _ in found.links}
    assert not refused & {(c, e) for c, e, _ in found.suggestions}


@given(sides, sides)
def test_the_order_of_the_lists_is_no_matter(crm: list[Candidate], erp: list[Candidate]) -> None:
    one, two = match_exact(crm, erp), match_exact(crm[::-1], erp[::-1])
    assert {(c, e) for c, e, _ in one.links} == {(c, e) for c, e, _ in two.links}
    assert {(c, e) for c, e, _ in one.suggestions} == {(c, e) for c, e, _ in two.suggestions}
    assert (one.alone_crm, one.alone_erp) == (two.alone_crm, two.alone_erp)
