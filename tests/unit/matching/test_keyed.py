"""Which records are linked without a person, which are suggested, which are alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from interlock.matching.keyed import (
    FREQUENT,
    Candidate,
    Matches,
    Signs,
    contact_signs,
    match_keyed,
    product_signs,
)

JO = {"name": "Jo Doe", "email": "jo@acme.com"}
"""A contact of customer 7, wherever these tests do not say otherwise."""


def contacts(**records: dict[str, str]) -> list[Candidate]:
    return [Candidate(i, contact_signs(f, "7")) for i, f in records.items()]


class TestAmbiguity:
    def test_two_on_one_side_link_nothing(self) -> None:
        found = match_keyed(contacts(c1=JO, c2=JO), contacts(e=JO))
        assert found.links == []
        assert [(c, e) for c, e, _ in found.suggestions] == [("c1", "e"), ("c2", "e")]
        assert "shared by others" in found.suggestions[0][2]

    def test_a_name_alone_only_suggests(self) -> None:
        found = match_keyed(contacts(c=JO), contacts(e={"name": "Jo Doe"}))
        assert found.links == []
        assert [(c, e) for c, e, _ in found.suggestions] == [("c", "e")]
        assert not found.alone_crm, "what may have a counterpart is not alone"

    def test_nothing_in_common_is_alone(self) -> None:
        found = match_keyed(contacts(c=JO, d={}), contacts(e={"name": "Al"}))
        assert (found.alone_crm, found.alone_erp) == (["c", "d"], ["e"])

    def test_a_double_of_a_linked_record_is_suggested_not_linked(self) -> None:
        taken = Candidate("e", contact_signs(JO, "7"), taken=True)
        found = match_keyed(contacts(new=JO), [taken])
        assert found.links == []
        assert [(c, e) for c, e, _ in found.suggestions] == [("new", "e")]
        assert not found.alone_crm, "or the double would be created on the other side"

    def test_linked_records_are_none_of_its_business(self) -> None:
        signs = contact_signs(JO, "7")
        found = match_keyed(
            [Candidate("c", signs, taken=True)], [Candidate("e", signs, taken=True)]
        )
        assert found == Matches(links=[], suggestions=[], alone_crm=[], alone_erp=[])


class TestRefusedPairs:
    def test_a_refused_pair_is_neither_linked_nor_suggested(self) -> None:
        found = match_keyed(contacts(c=JO), contacts(e=JO), {("c", "e")})
        assert found.links == []
        assert found.suggestions == []
        assert (found.alone_crm, found.alone_erp) == (["c"], ["e"])

    def test_a_refused_record_still_counts_as_one_more_of_the_kind(self) -> None:
        """Refusing one of two doubles must not link the other by itself."""
        found = match_keyed(contacts(c=JO), contacts(e1=JO, e2=JO), {("c", "e1")})
        assert found.links == []
        assert [(c, e) for c, e, _ in found.suggestions] == [("c", "e2")]


class TestFrequentKeys:
    def test_a_weak_sign_of_many_says_nothing(self) -> None:
        many = {f"c{i}": {"name": "Office"} for i in range(FREQUENT + 1)}
        found = match_keyed(contacts(**many), contacts(e={"name": "Office"}))
        assert found.suggestions == []
        assert found.alone_erp == ["e"]

    def test_up_to_that_many_it_does(self) -> None:
        many = {f"c{i}": {"name": "Office"} for i in range(FREQUENT)}
        found = match_keyed(contacts(**many), contacts(e={"name": "Office"}))
        assert len(found.suggestions) == FREQUENT


class TestOtherEntities:
    def test_products_are_told_by_their_sku_alone(self) -> None:
        left = [Candidate("c", product_signs({"sku": " ab-1 ", "name": "One"}))]
        right = [
            Candidate("e", product_signs({"sku": "AB-1", "name": "Uno"})),
            Candidate("f", product_signs({"sku": None, "name": "One"})),
        ]
        found = match_keyed(left, right)
        assert found.links == [("c", "e", "same SKU")]
        assert found.alone_erp == ["f"]

    def test_a_contact_is_linked_by_its_mailbox_at_its_customer(self) -> None:
        jo = {"name": "Jo Doe", "email": "jo@acme.com"}
        assert len(contact_signs(jo, "7").strong) == 1
        assert contact_signs(jo, "").strong == ()
        left = [Candidate("c", contact_signs(jo, "7"))]
        assert match_keyed(left, [Candidate("e", contact_signs(jo, "7"))]).links
        elsewhere = match_keyed(left, [Candidate("e", contact_signs(jo, "8"))])
        assert elsewhere.links == []
        assert elsewhere.suggestions == [("c", "e", "same e-mail")]

    def test_two_people_of_one_name_at_different_customers_are_two(self) -> None:
        jo = {"name": "Jo Doe"}
        found = match_keyed(
            [Candidate("c", contact_signs(jo, "7"))], [Candidate("e", contact_signs(jo, "8"))]
        )
        assert found.alone_crm == ["c"]

    def test_values_of_another_type_are_no_sign(self) -> None:
        signs = contact_signs({"name": None, "email": None}, "7")
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
    found = match_keyed(crm, erp, refused)
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
    one, two = match_keyed(crm, erp), match_keyed(crm[::-1], erp[::-1])
    assert {(c, e) for c, e, _ in one.links} == {(c, e) for c, e, _ in two.links}
    assert {(c, e) for c, e, _ in one.suggestions} == {(c, e) for c, e, _ in two.suggestions}
    assert (one.alone_crm, one.alone_erp) == (two.alone_crm, two.alone_erp)
