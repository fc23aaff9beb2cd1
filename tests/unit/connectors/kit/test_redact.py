"""What of a vendor's message may be shown and stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.connectors.kit import clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("  a \n\t b ", "a b"),
        ("", ""),
        ("<html><body><h1>Oops</h1> try <b>later</b></body></html>", "Oops try later"),
        ("<style>p {color: red}</style>Sorry<script>alert('x')</script>", "Sorry"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("no user jo.doe+x@mail.acme.com here", "no user [e-mail] here"),
        ("call +49 (0)711 123456-7 now", "call [number] now"),
        ("call 555-010-9999", "call [number]"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: Bearer [secret]"),
        ("Session 7:YWJj failed", "Session [secret] failed"),
        ("key 0123456789abcdef0123456789abcdef", "key [token]"),
        ("id deadbeefdeadbeefdeadbeef", "id [token]"),
        ("a\x00b \x1b[31mred\x1b[0m", "a b [31mred [0m"),
        # what a person needs to find the record stays
        ("record 4711 not found", "record 4711 not found"),
        ("field `Name` takes at most 80 characters", "field `Name` takes at most 80 characters"),
        ("line 2 (SKU-9)", "line 2 (SKU-9)"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_secrets_go_wherever_they_stand() -> None:
    assert clean("user=x&key=s3cret; s3cret!", "s3cret", "") == "user=x&key=[secret]; [secret]!"


def test_a_secret_inside_markup_or_an_entity_goes_too() -> None:
    assert "p&w" not in clean("<b>p&amp;w</b>", "p&w")
    assert "s3cret" not in clean("<a href='?k=s3cret'>s3<i></i>cret</a>", "s3cret")


def test_it_is_short() -> None:
    assert clean("word " * 100, limit=20) == "word word word word" + "…"
    assert len(clean("word " * 1000)) == 300


@given(st.text(max_size=200), st.sampled_from(["hunter2!", "a b", "<x>", "&amp;k"]))
def test_no_secret_survives(text: str, secret: str) -> None:
    assert secret not in clean(f"{text}{secret}{text}", secret)
