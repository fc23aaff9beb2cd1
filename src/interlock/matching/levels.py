"""Comparison: how the two records of each pair agree, field by field, as numbers of 0 to 2.

A field missing on either side has no level at all: it neither helps nor harms.  Every number is
the same when the two records change places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from interlock.matching.candidates import Pairs
from interlock.matching.rarity import Rarity
from interlock.matching.table import Hashes, Table

__all__ = ["FIELDS", "KINDS", "LEVELS", "Level", "compare", "evidence"]

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

_AT = {(level.field, level.name): column for column, level in enumerate(LEVELS)}


def compare(left: Table, right: Table, pairs: Pairs, rarity: Rarity) -> Numbers:
    """Compare pairs: one row each, one column a level."""
    levels = np.zeros((len(pairs[0]), len(LEVELS)), dtype=np.float32)

    def put(field: str, name: str, values: NDArray[Any]) -> None:
        levels[:, _AT[field, name]] = values

    _names(left, right, pairs, rarity, put)
    _streets(left, right, pairs, put)
    _places(left, right, pairs, put)
    for field, column, counts in (("phone", "phone", rarity.phones),
                                  ("website", "domain", rarity.domains),
                                  ("tax_id", "tax", None)):
        ours, theirs = getattr(left, column)[pairs[0]], getattr(right, column)[pairs[1]]
        both = (ours != 0) & (theirs != 0)
        same = both & (ours == theirs)
        put(field, "same", same)
        put(field, "other", both & ~same)
        if counts is not None:
            put(field, "frequent", _frequency(counts.of_each(ours)) * same)
    _pages(left, right, pairs, put)
    get = _reader(levels)
    number, phone = get("street", "number"), get("phone", "same")
    moved = np.maximum(get("street", "apart"), get("street", "other_number"))
    put("street", "same_house", number * get("place", "postcode"))
    put("street", "elsewhere", get("name", "same") * moved)
    put("phone", "same_house", phone * number)
    put("phone", "legal", phone * get("name", "legal"))
    put("tax_id", "valid", get("tax_id", "same")
        * (left.tax_valid[pairs[0]] & right.tax_valid[pairs[1]]))
    return levels


def evidence(levels: Numbers) -> NDArray[np.bool_]:
    """Tell which kinds of evidence speak for each pair; one column a kind."""
    level = _reader(levels)
    naming = (level("name", "alike") >= 0.8) | (level("name", "within") >= 0.9) \
        | (level("name", "covered") >= 0.6) | (level("website", "same") > 0)
    street = (level("street", "number") > 0) & (level("street", "alike") >= 0.6)
    far = (level("place", "other_area") > 0) | (level("place", "other_country") > 0)
    no_code = ~far & (level("place", "area") == 0)
    address = (level("place", "postcode") > 0) | (street & ~far) \
        | (no_code & (level("place", "city") > 0))
    return np.column_stack((naming, address, level("phone", "same") > 0,
                            level("tax_id", "same") > 0))


def _reader(levels: Numbers) -> Callable[[str, str], Numbers]:
    return lambda field, name: levels[:, _AT[field, name]]


Put = Callable[[str, str, NDArray[Any]], None]


def _names(left: Table, right: Table, pairs: Pairs, rarity: Rarity, put: Put) -> None:
    ours, theirs = left.name[pairs[0]], right.name[pairs[1]]
    both = (ours != 0) & (theirs != 0)
    same = both & (ours == theirs)
    put("name", "same", same)
    put("name", "frequent", _frequency(rarity.names.of_each(ours)) * same)
    alike = np.where(
        same, 1.0, _alike(left.names, right.names, pairs, both & ~same, fuzz.token_sort_ratio))
    put("name", "alike", alike)
    put("name", "typo", np.maximum(0.0, alike - 0.8) * 5)
    form, other_form = left.form[pairs[0]], right.form[pairs[1]]
    forms = (form != 0) & (other_form != 0)
    put("name", "legal", both & ((form != 0) | (other_form != 0)))
    put("name", "same_form", both & forms & (form == other_form))
    put("name", "other_form", both & forms & (form != other_form))
    put("name", "within", np.where(
        same, 1.0, _alike(left.names, right.names, pairs, both & ~same, fuzz.token_set_ratio)))
    words, other = left.words[pairs[0]], right.words[pairs[1]]
    weights, other_weights = rarity.word_weights(words), rarity.word_weights(other)
    equal = (words[:, :, None] == other[:, None, :]) & (words[:, :, None] != 0)
    total, other_total = weights.sum(axis=1), other_weights.sum(axis=1)
    shared = np.minimum((weights * equal.any(axis=2)).sum(axis=1),
                        (other_weights * equal.any(axis=1)).sum(axis=1))
    shared = np.where(same, np.minimum(total, other_total), shared)
    fewer = np.minimum(total, other_total)
    put("name", "covered", shared / np.maximum(fewer, 1e-6))
    put("name", "rare", np.minimum(shared / 20, 2.0))
    put("name", "both_extra", np.minimum((fewer - shared) / 10, 2.0) * ~same)
    put("name", "digits", both & ~same & _digits_differ(left, right, pairs))


def _digits_differ(left: Table, right: Table, pairs: Pairs) -> NDArray[np.bool_]:
    ours, theirs = left.digits[pairs[0]], right.digits[pairs[1]]
    return (ours != 0) & (theirs != 0) & (ours != theirs)


def _streets(left: Table, right: Table, pairs: Pairs, put: Put) -> None:
    ours, theirs = left.street[pairs[0]], right.street[pairs[1]]
    both = (ours != 0) & (theirs != 0)
    same = both & (ours == theirs)
    alike = np.where(same, 1.0, np.maximum(
        _alike(left.streets, right.streets, pairs, both & ~same, fuzz.token_set_ratio),
        _alike(left.streets, right.streets, pairs, both & ~same, fuzz.partial_ratio)))
    put("street", "alike", alike)
    put("street", "apart", both & (alike < 0.6))
    numbers, other = left.numbers[pairs[0]], right.numbers[pairs[1]]
    given = (numbers[:, 0] != 0) & (other[:, 0] != 0)
    number = ((numbers[:, :, None] == other[:, None, :]) & (numbers[:, :, None] != 0)).any(
        axis=(1, 2))
    put("street", "number", number)
    put("street", "other_number", given & ~number)


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
    alike = same | (_alike(left.cities, right.cities, pairs, both & ~same,
                           fuzz.token_set_ratio) > 0.85)
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


def _frequency(counts: NDArray[np.int64]) -> Numbers:
    """0 for what one pair of records has, 2 for what a hundred have and more."""
    return np.clip(np.log2(np.maximum(counts, 1) / 2) / 3, 0, 2).astype(np.float32)


def _alike(left: Sequence[str], right: Sequence[str], pairs: Pairs, which: NDArray[np.bool_],
           scorer: Callable[..., float]) -> Numbers:
    alike = np.zeros(len(which), dtype=np.float32)
    rows = np.flatnonzero(which)
    if len(rows):
        ours = [left[row] for row in pairs[0][rows].tolist()]
        theirs = [right[row] for row in pairs[1][rows].tolist()]
        alike[rows] = process.cpdist(ours, theirs, scorer=scorer, dtype=np.float32) / 100
    return alike
