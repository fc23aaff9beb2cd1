"""Our words in a note: what people wrote stays, what we wrote comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.connectors.quickbooks.note import Note, read_note

WORDS = st.text(min_size=1, max_size=40)
FREE = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=60).map(
    lambda text: text.replace("[interlock", "").strip()
)


@given(
    reference=st.none() | st.text("il-4k2m9x", min_size=1),
    po=st.none() | WORDS,
    quote=st.none() | WORDS,
    lines=st.lists(WORDS, max_size=5).map(tuple),
    rest=FREE,
)
def test_every_note_comes_back(
    reference: str | None, po: str | None, quote: str | None, lines: tuple[str, ...], rest: str
) -> None:
    note = Note(reference=reference, po=po, quote=quote, lines=lines, rest=rest)
    assert read_note(note.text()) == note


@given(text=st.text(max_size=80))
def test_any_text_is_read_and_stays_as_it_is(text: str) -> None:
    note = read_note(text)
    if "[interlock" not in text:
        assert note == Note(rest=text.strip())
    assert read_note(note.text()) == note


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("before [interlock il-1 po:7] after", Note(reference="il-1", po="7", rest="before\nafter")),
        ("[interlock il-1 il-2 po:7 po:8 nonsense:9]", Note(reference="il-1", po="7")),
        ("[interlock il-1] [interlock il-2]", Note(reference="il-1", rest="[interlock il-2]")),
        ("[interlock]", Note()),
        (None, Note()),
    ],
)  # fmt: skip
def test_the_first_of_each_counts(text: str | None, note: Note) -> None:
    assert read_note(text) == note
