from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.twins.salesforce.ids import IdMaker, long_id

SHORT = st.text(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", min_size=15, max_size=15
)


def test_published_examples_have_the_right_suffix() -> None:
    # ids as they stand in vendor documents: the short form of each, and the long one
    for full in ("0018a00001rBqb8AAC", "00190000001pPvHAAU"):
        assert long_id(full[:15]) == full


@given(SHORT)
def test_case_lost_on_the_way_is_restored(short: str) -> None:
    full = long_id(short)
    assert full is not None
    assert long_id(full.upper()) == long_id(full.lower()) == full


@pytest.mark.parametrize(
    "text", ["", "001", "0018a00001rBqb8AA", "0018a00001rBqb8AAC1", "0018a00001rBq-8"]
)
def test_what_is_no_id_is_none(text: str) -> None:
    assert long_id(text) is None


def test_ids_of_one_org_do_not_repeat() -> None:
    maker = IdMaker()
    made = [maker.make("001") for _ in range(5000)]
    assert len(set(made)) == 5000
    assert all(long_id(key[:15]) == key for key in made)
