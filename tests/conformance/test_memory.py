"""The memory CRM and ERP pass the conformance suite, also with fewer abilities switched on."""

from __future__ import annotations

from types import MappingProxyType

from interlock.testing.conformance import BEHAVIOURS, Conformance
from tests.conformance.memory_harness import CrmHarness, ErpHarness


class PlainErpHarness(ErpHarness):
    """No change feed, no version check, answers without values; keys enforced by the system."""

    entities = ("customer", "order")
    options = MappingProxyType({
        "changes": False, "version_check": False, "answers_with_values": False,
        "enforces_reference": True,
    })  # fmt: skip


def _under_test(base: type[Conformance], harness: type) -> type[Conformance]:
    name = f"Test{harness.__name__.removesuffix('Harness')}{base.__name__.removeprefix('Base')}"
    return type(name, (base,), {"harness_class": harness, "__module__": __name__})


for _harness in (CrmHarness, ErpHarness, PlainErpHarness):
    for _base in BEHAVIOURS:
        _class = _under_test(_base, _harness)
        globals()[_class.__name__] = _class
