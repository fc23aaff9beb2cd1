"""Small hand-made lists, and where the developers' labelled sets are."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from interlock.matching.candidates import Pairs
from interlock.matching.levels import Numbers, compare
from interlock.matching.rarity import Rarity, Weighed
from interlock.matching.table import Company, Table, tabulate

ACME = Company(id="1", name="Acme Widgets GmbH", website="https://www.acme.example.de",
               street="Hauptstraße 12", city="Köln", postcode="50667", country="DE",
               phone="+49 221 1234567", tax_id="DE136695976")  # fmt: skip
ACME_TOO = Company(id="2", name="ACME WIDGETS", street="Hauptstr. 12", city="Koln",
                   postcode="50667", country="DE", phone="0221/1234567")  # fmt: skip
OTHER = Company(id="3", name="Nordlicht Optik AG", website="nordlicht-optik.de",
                street="Am Hafen 3", city="Kiel", postcode="24103", country="DE")  # fmt: skip


def data_folder(name: str) -> Path:
    """Folder of a labelled set; skips the test where there is none."""
    beside = Path(__file__).parents[4] / "shared/data/matching"
    folder = Path(os.environ.get("INTERLOCK_MATCHING_DATA", beside)) / name
    if not folder.is_dir():
        pytest.skip(
            f"no labelled set {name}: set INTERLOCK_MATCHING_DATA to the folder that has it"
        )
    return folder


def table(*companies: Company) -> Table:
    return tabulate(companies)


def weighed(*companies: Company) -> Weighed:
    one = tabulate(companies)
    return Weighed.of(one, Rarity.of(one))


def compared(left: Company, right: Company, *crowd: Company) -> Numbers:
    """Compare two companies as they would be among a crowd of others."""
    ours, theirs = tabulate([left]), tabulate([right])
    rarity = Rarity.of(ours, theirs, tabulate(crowd))
    return compare(Weighed.of(ours, rarity), Weighed.of(theirs, rarity), pair(0, 0))


def pair(left: int, right: int) -> Pairs:
    return np.array([left], dtype=np.int32), np.array([right], dtype=np.int32)
