"""Comparison: how the two records of each pair agree, field by field, as numbers of 0 to 2.

A field missing on either side has no level at all: it neither helps nor harms.  Every number is
the same when the two records change places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from interlock.matching.candidates import Pairs
from interlock.matching.normalise import tax_key
from interlock.matching.rarity import Weighed
from interlock.matching.table import Hashes, Table, Texts

__all__ = ["FIELDS", "KINDS", "LEVELS", "Level", "certain", "compare", "evidence"]

Numbers = NDArray[np.float32]


class Level(NamedTuple):
    """One number of a comparison: its field, and what it means in words when it counts."""

    field: str
    name: str
    words: str
    sign: int
    """What its weight may be: +1 helps, -1 harms, 0 either (it corrects another level)."""


LEVELS = (
    Level("name", "same", "same name", +1),
    Level("name", "alike", "names spelled alike", +1),
    Level("name", "typo", "names alike but for typing errors", +1),
    Level("name", "within", "one name within the other", +1),
    Level("name", "covered", "rare words in common", +1),
    Level("name", "rare", "rarity of what is in common", +1),
    Level("name", "both_extra", "each name has words of its own", -1),
    Level("name", "digits", "different numbers in the names", -1),
    Level("name", "frequent", "a name many records have", -1),
    Level("name", "legal", "a legal form in a name", 0),
    Level("name", "same_form", "same legal form", +1),
    Level("name", "other_form", "different legal forms", -1),
    Level("street", "alike", "streets alike", +1),
    Level("street", "apart", "different streets", -1),
    Level("street", "number", "same house number", +1),
    Level("street", "other_number", "different house numbers", -1),
    Level("street", "same_house", "same house in the same postal code", +1),
    Level("street", "elsewhere", "the same name at another address", -1),
    Level("place", "postcode", "same postal code", +1),
    Level("place", "area", "neighbouring postal codes", -1),
    Level("place", "other_area", "postal codes far apart", -1),
    Level("place", "city", "same city", +1),
    Level("place", "other_city", "different cities", -1),
    Level("place", "other_country", "different countries", -1),
    Level("phone", "same", "same phone", +1),
    Level("phone", "other", "different phones", -1),
    Level("phone", "frequent", "a phone many records have", -1),
    Level("phone", "same_house", "same phone at the same house number", 0),
    Level("phone", "legal", "same phone of a name with a legal form", 0),
    Level("website", "same", "same web domain", +1),
    Level("website", "page", "same page", +1),
    Level("website", "other_page", "different pages of one site", -1),
    Level("website", "label", "same domain under another ending", +1),
    Level("website", "other", "different web domains", -1),
    Level("website", "frequent", "a domain many records have", -1),
    Level("tax_id", "same", "same tax id", +1),
    Level("tax_id", "valid", "its check digits are right", +1),
    Level("tax_id", "other", "different tax ids", -1),
)
"""Every number of a comparison, in the order of the columns."""

FIELDS = tuple(dict.fromkeys(level.field for level in LEVELS))
KINDS = ("naming", "address", "phone", "tax id")
"""Independent kinds of evidence; a name and the web domain made of it are one."""

_LOWEST = 40
"""Texts less alike than this, of 100, are not alike at all."""
_AT = {(level.field, level.name): column for column, level in enumerate(LEVELS)}


def compare(
    left: Weighed,
    right: Weighed,
    pairs: Pairs,
    *,
    worth: Callable[[Numbers], NDArray[np.bool_]] | None = None,
) -> Numbers:
    """Compare pairs: one row each, one column a level.

    ``worth``: tells from everything but the streets' wording which pairs are worth the rest of
    the work; the others keep 0 there.
    """
    levels = np.zeros((len(pairs[0]), len(LEVELS)), dtype=np.float32)

    def put(field: str, name: str, values: NDArray[Any]) -> None:
        levels[:, _AT[field, name]] = values

    ours, theirs = left.table, right.table
    _names(left, right, pairs, put)
    _places(ours, theirs, pairs, put)
    frequent = {"phone": (left.phones, right.phones), "domain": (left.domains, right.domains)}
    for field, column in (("phone", "phone"), ("website", "domain"), ("tax_id", "tax")):
        one, two = getattr(ours, column)[pairs[0]], getattr(theirs, column)[pairs[1]]
        both = (one != 0) & (two != 0)
        same = both & (one == two)
        put(field, "same", same)
        put(field, "other", both & ~same)
        if column in frequent:
            put(
                field,
                "frequent",
                np.maximum(frequent[column][0][pairs[0]], frequent[column][1][pairs[1]]) * same,
            )
    _pages(ours, theirs, pairs, put)
    _numbers(ours, theirs, pairs, put)
    get = _reader(levels)
    for row in np.flatnonzero(get("tax_id", "same")).tolist():
        levels[row, _AT["tax_id", "valid"]] = tax_key(ours.taxes[pairs[0][row]])[1]
    number, phone = get("street", "number"), get("phone", "same")
    put("street", "same_house", number * get("place", "postcode"))
    put("phone", "same_house", phone * number)
    put("phone", "legal", phone * get("name", "legal"))
    rows = np.arange(len(levels)) if worth is None else np.flatnonzero(worth(levels))
    _streets(ours, theirs, (pairs[0][rows], pairs[1][rows]), levels, rows)
    return levels


def evidence(levels: Numbers) -> NDArray[np.bool_]:
    """Tell which kinds of evidence speak for each pair; one column a kind."""
    level = _reader(levels)
    naming = (
        (level("name", "alike") >= 0.8)
        | (level("name", "within") >= 0.9)
        | (level("name", "covered") >= 0.6)
        | (level("website", "same") > 0)
    )
    street = (level("street", "number") > 0) & (level("street", "alike") >= 0.6)
    far = (level("place", "other_area") > 0) | (level("place", "other_country") > 0)
    no_code = ~far & (level("place", "area") == 0)
    address = (
        (level("place", "postcode") > 0)
        | (street & ~far)
        | (no_code & (level("place", "city") > 0))
    )
    return np.column_stack(
        (naming, address, level("phone", "same") > 0, level("tax_id", "same") > 0)
    )


def certain(levels: Numbers) -> NDArray[np.bool_]:
    """Tell which pairs may be linked without a person, if their score is high enough.

    It takes two independent kinds of evidence, and no two tax ids that contradict each other.
    """
    enough: NDArray[np.bool_] = evidence(levels).sum(axis=1) >= 2
    agree: NDArray[np.bool_] = levels[:, _AT["tax_id", "other"]] == 0
    return enough & agree


def _reader(levels: Numbers) -> Callable[[str, str], Numbers]:
    def get(field: str, name: str) -> Numbers:
        values: Numbers = levels[:, _AT[field, name]]
        return values

    return get


Put = Callable[[str, str, NDArray[Any]], None]


def _names(left: Weighed, right: Weighed, pairs: Pairs, put: Put) -> None:
    ours, theirs = left.table, right.table
    one, two = ours.name[pairs[0]], theirs.name[pairs[1]]
    both = (one != 0) & (two != 0)
    same = both & (one == two)
    put("name", "same", same)
    put("name", "frequent", np.maximum(left.names[pairs[0]], right.names[pairs[1]]) * same)
    alike = np.where(
        same,
        np.float32(1),
        _alike(ours.names, theirs.names, pairs, both & ~same, fuzz.token_sort_ratio),
    )
    put("name", "alike", alike)
    put("name", "typo", np.maximum(0.0, alike - 0.8) * 5)
    put(
        "name",
        "within",
        np.where(
            same,
            np.float32(1),
            _alike(ours.names, theirs.names, pairs, both & ~same, fuzz.token_set_ratio),
        ),
    )
    form, other_form = ours.form[pairs[0]], theirs.form[pairs[1]]
    forms = both & (form != 0) & (other_form != 0)
    put("name", "legal", both & ((form != 0) | (other_form != 0)))
    put("name", "same_form", forms & (form == other_form))
    put("name", "other_form", forms & (form != other_form))
    fewer = np.minimum(left.total[pairs[0]], right.total[pairs[1]])
    shared = np.where(same, fewer, np.minimum(_shared(left, right, pairs), fewer))
    put("name", "covered", shared / np.maximum(fewer, np.float32(1e-6)))
    put("name", "rare", np.minimum(shared / 20, np.float32(2)))
    put("name", "both_extra", np.minimum((fewer - shared) / 10, np.float32(2)) * ~same)
    digits, other_digits = ours.digits[pairs[0]], theirs.digits[pairs[1]]
    put(
        "name",
        "digits",
        both & ~same & (digits != 0) & (other_digits != 0) & (digits != other_digits),
    )


def _shared(left: Weighed, right: Weighed, pairs: Pairs) -> Numbers:
    """Bits of the words in common; of a word repeated on one side, what both sides have."""
    words, other = left.table.words[pairs[0]], right.table.words[pairs[1]]
    ours, theirs = np.zeros(words.shape, dtype=np.bool_), np.zeros(words.shape, dtype=np.bool_)
    for place in range(words.shape[1]):
        if not words[:, place].any():
            break
        equal = other == words[:, place, None]
        equal &= other != 0
        ours[:, place] = equal.any(axis=1)
        theirs |= equal
    shared: Numbers = np.minimum(
        (left.words[pairs[0]] * ours).sum(axis=1), (right.words[pairs[1]] * theirs).sum(axis=1)
    )
    return shared


def _numbers(left: Table, right: Table, pairs: Pairs, put: Put) -> None:
    numbers, other = left.numbers[pairs[0]], right.numbers[pairs[1]]
    number = np.zeros(len(numbers), dtype=np.bool_)
    for place in range(numbers.shape[1]):
        mine = numbers[:, place, None]
        number |= ((other == mine) & (mine != 0)).any(axis=1)
    put("street", "number", number)
    put("street", "other_number", (numbers[:, 0] != 0) & (other[:, 0] != 0) & ~number)


def _streets(
    left: Table, right: Table, pairs: Pairs, levels: Numbers, rows: NDArray[np.int64]
) -> None:
    one, two = left.street[pairs[0]], right.street[pairs[1]]
    both = (one != 0) & (two != 0)
    same = both & (one == two)
    alike = np.where(
        same,
        np.float32(1),
        _alike(left.streets, right.streets, pairs, both & ~same, fuzz.token_set_ratio),
    )
    apart = both & (alike < 0.6)
    other_number = levels[rows, _AT["street", "other_number"]] > 0
    levels[rows, _AT["street", "alike"]] = alike
    levels[rows, _AT["street", "apart"]] = apart
    levels[rows, _AT["street", "elsewhere"]] = (apart | other_number) & (
        levels[rows, _AT["name", "same"]] > 0
    )


def _places(left: Table, right: Table, pairs: Pairs, put: Put) -> None:
    def columns(name: str) -> tuple[Hashes, Hashes, NDArray[np.bool_]]:
        ours, theirs = getattr(left, name)[pairs[0]], getattr(right, name)[pairs[1]]
        return ours, theirs, (ours != 0) & (theirs != 0)

    ours, theirs, both = columns("postcode")
    same = both & (ours == theirs)
    area, other_area, _ = columns("area")
    put("place", "postcode", same)
    put("place", "area", both & ~same & (area == other_area))
    put("place", "other_area", both & (area != other_area))
    ours, theirs, both = columns("city")
    same = both & (ours == theirs)
    alike = same | (
        _alike(left.cities, right.cities, pairs, both & ~same, fuzz.token_set_ratio) > 0.85
    )
    put("place", "city", alike)
    put("place", "other_city", both & ~alike)
    ours, theirs, both = columns("country")
    put("place", "other_country", both & (ours != theirs))


def _pages(left: Table, right: Table, pairs: Pairs, put: Put) -> None:
    ours, theirs = left.domain[pairs[0]], right.domain[pairs[1]]
    given = (ours != 0) & (theirs != 0)
    page, other = left.page[pairs[0]], right.page[pairs[1]]
    pages = given & (ours == theirs) & (page != 0) & (other != 0)
    put("website", "page", pages & (page == other))
    put("website", "other_page", pages & (page != other))
    label = given & (ours != theirs) & (left.label[pairs[0]] == right.label[pairs[1]])
    put("website", "label", label)
    put("website", "other", given & (ours != theirs) & ~label)


def _alike(
    left: Texts, right: Texts, pairs: Pairs, which: NDArray[np.bool_], scorer: Callable[..., float]
) -> Numbers:
    alike = np.zeros(len(which), dtype=np.float32)
    rows = np.flatnonzero(which)
    if len(rows):
        alike[rows] = (
            process.cpdist(
                left[pairs[0][rows]].tolist(),
                right[pairs[1][rows]].tolist(),
                scorer=scorer,
                score_cutoff=_LOWEST,
                dtype=np.float32,
            )
            / 100
        )
    return alike
