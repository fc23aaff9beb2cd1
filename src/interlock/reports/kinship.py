"""Kinship: which customers of the orders are the customers of the deals, by the matcher."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum

from interlock.matching.assign import match_lists
from interlock.matching.duplicates import find_duplicates
from interlock.matching.normalise import name_key
from interlock.matching.score import Band, Weights, probabilities
from interlock.matching.table import Company, tabulate

__all__ = ["Customers", "Tie", "kin"]

_LIKELY = 0.5


class Tie(IntEnum):
    """How a customer of one side belongs to one of the other."""

    SAME = 0
    DOUBLE = 1
    """Another record of the same company."""


class Customers:
    """The customers of one side: those of a list, if there is one, and those only named."""

    def __init__(self, listed: Sequence[Company] = ()) -> None:
        self.companies = list(listed)
        self._ids = {company.id for company in listed}
        self._named: dict[str, str] = {}
        for company in listed:
            self._named.setdefault(_key(company.name), company.id)
        # of two records that differ in the legal form only, the one spelled just so is meant
        self._spelled = {company.name.strip().casefold(): company.id for company in listed[::-1]}

    def key_of(self, customer_id: str, name: str) -> str:
        """Find the customer a row names, by id, else by name; a new name makes a new customer.

        Returns "" for a row that names none.
        """
        if customer_id and customer_id in self._ids:
            return customer_id
        key = _key(name)
        if not key:
            return ""
        if name.strip().casefold() in self._spelled:
            return self._spelled[name.strip().casefold()]
        if key not in self._named:
            self._named[key] = made = f"\u2020{len(self.companies)}"
            self.companies.append(Company(id=made, name=name))
        return self._named[key]

    def names(self) -> Mapping[str, str]:
        """Name of each customer."""
        return {company.id: company.name for company in self.companies}


def _key(name: str) -> str:
    return name_key(name) or name.strip().casefold()


def kin(
    left: Iterable[Company], right: Iterable[Company], weights: Weights
) -> Mapping[str, Mapping[str, Tie]]:
    """Customers of the right side that belong to each of the left, with how they do."""
    left, right = list(left), list(right)
    ours, theirs = tabulate(left), tabulate(right)
    found: dict[str, dict[str, float]] = defaultdict(dict)
    matched = match_lists(ours, theirs, weights)
    for one, two, likely in zip(
        ours.ids[matched.left],
        theirs.ids[matched.right],
        probabilities(matched.scores).tolist(),
        strict=True,
    ):
        if likely >= _LIKELY:
            found[one][two] = likely
    # with names only, equal names are the best there is
    named = defaultdict(list)
    for company in right:
        if company.name:
            named[_key(company.name)].append(company.id)
    for company in left:
        for other in named.get(_key(company.name), ()) if company.name else ():
            found[company.id].setdefault(other, _LIKELY)
    doubles: dict[str, set[str]] = defaultdict(set)
    survivor: dict[str, str] = {}
    for each in find_duplicates(theirs, weights):
        if each.band is Band.LINK:
            survivor[each.duplicate] = each.survivor
        doubles[each.survivor].add(each.duplicate)
        doubles[each.duplicate].add(each.survivor)
    ties = {}
    for one, others in found.items():
        best = max(others, key=lambda two: (others[two], two))
        # of two records of one company the one that stays is the customer, the other its double
        best = survivor.get(best, best)
        ties[one] = dict.fromkeys({*others, *doubles[best]}, Tie.DOUBLE) | {best: Tie.SAME}
    return ties
