"""The score: symmetric, additive, explained; and what may be linked without a person."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.matching.levels import LEVELS, certain, evidence
from interlock.matching.score import (
    Band,
    bands,
    default_weights,
    explain,
    logits,
    probabilities,
)
from interlock.matching.table import Company
from tests.unit.matching.lists import ACME, ACME_TOO, OTHER, compared

WEIGHTS = default_weights()
TEXTS = st.one_of(
    st.just(""),
    st.sampled_from(
        ["Acme", "Acme GmbH", "acme widgets", "Foo 12", "Müller & Söhne KG", "日本貿易"]
    ),
    st.text(max_size=30),
)
COMPANIES = st.builds(
    Company, id=st.just("x"), name=TEXTS, street=TEXTS, city=TEXTS,
    website=st.one_of(st.sampled_from(["acme.com", "acme.de/stores/1", "gmail.com"]), TEXTS),
    postcode=st.sampled_from(["", "50667", "50668", "97209-1029"]),
    country=st.sampled_from(["", "DE", "US"]),
    phone=st.sampled_from(["", "+49 221 123456", "0221 123456", "5"]),
    tax_id=st.sampled_from(["", "DE136695976", "136695976", "999"]),
)  # fmt: skip


def likely(left: Company, right: Company) -> float:
    return float(probabilities(logits(compared(left, right), WEIGHTS))[0])


def band(left: Company, right: Company) -> str:
    levels = compared(left, right)
    return str(bands(logits(levels, WEIGHTS), certain(levels), WEIGHTS)[0])


@given(COMPANIES, COMPANIES)
@settings(max_examples=200, deadline=None)
def test_the_score_is_the_same_both_ways(one: Company, two: Company) -> None:
    forth, back = compared(one, two), compared(two, one)
    np.testing.assert_allclose(forth, back, atol=1e-5)
    assert (evidence(forth) == evidence(back)).all()


@given(COMPANIES, COMPANIES)
@settings(max_examples=200, deadline=None)
def test_contributions_add_up_to_the_score(one: Company, two: Company) -> None:
    levels = compared(one, two)
    why = explain(levels, WEIGHTS, np.array([-0.25]))[0]
    assert why.score == pytest.approx(sum(why.contributions.values()))
    assert why.score == pytest.approx(float(logits(levels, WEIGHTS)[0]) - 0.25, abs=1e-4)
    assert why.weights == WEIGHTS.version


def test_one_company_in_two_spellings_is_linked() -> None:
    assert band(ACME, ACME_TOO) == Band.LINK


def test_two_companies_are_not_one() -> None:
    assert band(ACME, OTHER) == Band.NONE


def test_a_name_alone_is_never_linked() -> None:
    bare = Company(id="a", name="Acme Widgets GmbH")
    assert band(bare, bare) == Band.REVIEW


def test_name_and_domain_alone_are_never_linked() -> None:
    one = Company(id="a", name="Acme Widgets GmbH", website="acme-widgets.de")
    assert likely(one, one) > likely(*[msgspec.structs.replace(one, website="")] * 2)
    assert band(one, one) == Band.REVIEW


def test_a_platform_in_common_is_no_evidence() -> None:
    one = Company(id="a", name="Acme Widgets GmbH", website="facebook.com/acme")
    assert likely(one, one) == likely(*[msgspec.structs.replace(one, website="")] * 2)


def test_the_same_name_in_another_street_is_less_likely() -> None:
    away = msgspec.structs.replace(ACME_TOO, street="Ringweg 77", postcode="80331", city="München")
    assert likely(ACME, away) < likely(ACME, ACME_TOO)


def test_a_tax_id_in_common_says_more_when_it_is_valid() -> None:
    one = Company(id="a", name="Acme", tax_id="DE136695976")
    bad = Company(id="b", name="Acme", tax_id="DE136695977")
    assert likely(one, one) > likely(bad, bad) > likely(one, bad)


def test_a_rare_name_says_more_than_a_common_one() -> None:
    crowd = [Company(id=str(n), name=f"Stadtwerke {n}a") for n in range(400)]
    common, rare = Company(id="a", name="Stadtwerke"), Company(id="b", name="Zyxomat")
    scores = [float(logits(compared(c, c, *crowd), WEIGHTS)[0]) for c in (common, rare)]
    assert scores[0] < scores[1]


def test_a_missing_field_neither_helps_nor_harms() -> None:
    levels = compared(Company(id="a"), ACME)
    assert not levels.any()


def test_no_weight_counts_against_its_meaning() -> None:
    for level, value in zip(LEVELS, WEIGHTS.vector(), strict=True):
        assert value * level.sign >= 0, level


def test_the_weights_name_every_level_and_no_other() -> None:
    assert set(WEIGHTS.levels) == {f"{level.field}.{level.name}" for level in LEVELS}
