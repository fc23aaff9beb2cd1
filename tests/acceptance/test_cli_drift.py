"""`interlock drift`, `report drift` and `plan --against`, as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop.founded(tmp_path / "shop")
    with shop.crm() as crm:
        crm.add("customer", {"Name": "Acme", "Website": "acme.com"})
    assert shop.go().code == 0
    return shop


def test_drift_is_found_shown_healed_and_gone(shop: Shop, tmp_path: Path) -> None:
    assert "never" in shop.do("status").flat
    agreed = shop.do("drift", "run")
    assert (agreed.code, "Both systems agree" in agreed.flat) == (0, True)
    with shop.erp() as erp:
        [customer] = erp.all("customer")
        erp.edit("customer", customer, {"web": "elsewhere.example"})

    found = shop.do("drift", "run", "--csv", tmp_path / "drift.csv")

    assert found.code == 3
    assert "customer website not observed 1" in found.flat
    assert "elsewhere.example" in (tmp_path / "drift.csv").read_text()
    assert "1 difference, 1 of them not as a sync leaves them" in shop.do("status").flat
    assert shop.do("report", "drift", "--json").json["total"] == 1
    assert shop.do("status", "--json").json["drift"]["alarming"] == 1
    dry = shop.do("drift", "heal", "--dry-run", "--json")
    assert (dry.code, dry.json["healed"], dry.json["to_send"]) == (0, 1, 0)
    healed = shop.do("drift", "heal", "--cause", "not observed")
    assert (healed.code, "1 write to send" in healed.flat) == (0, True)
    assert shop.do("sync", "--once").code == 0
    assert shop.erp_customer("Acme")[1]["web"] == "acme.com"
    assert shop.do("drift", "run", "--json").json["total"] == 0


@pytest.mark.parametrize(
    "wrong", [("--entity", "costumer"), ("--field", "phon"), ("--cause", "bad luck")]
)
def test_a_filter_that_means_nothing_is_wrong_use(shop: Shop, wrong: tuple[str, str]) -> None:
    ended = shop.do("drift", "heal", *wrong)
    assert ended.code == 2
    assert wrong[1] in ended.flat


def test_a_table_that_cannot_be_written_is_wrong_use(shop: Shop, tmp_path: Path) -> None:
    ended = shop.do("drift", "run", "--csv", tmp_path / "no" / "where.csv")
    assert (ended.code, "cannot write" in ended.flat) == (2, True)


def test_a_changed_map_is_looked_at_before_it_is_active(shop: Shop) -> None:
    assert shop.do("plan", "--against", "previous").code == 2, "there is none yet"
    with shop.erp() as erp:
        [customer] = erp.all("customer")
    shop.write("    website:", "    website: {owner: crm, on_foreign_edit: flag}", "ownership.yaml")
    shop.go()
    with shop.erp() as erp:
        erp.edit("customer", customer, {"web": "elsewhere.example"})
    shop.do("sync", "--once")
    shop.write("    website:", "    website: {owner: erp}", "ownership.yaml")

    shown = shop.do("plan", "--against", shop.root, "--json")
    assert shown.json["fields"] == []
    known = shop.do("plan", "--against", "nonsense")
    assert known.code == 2
    before = known.flat.partition("previous, ")[2].split(",")[0].split()[0]
    against = shop.do("plan", "--against", before, "--exit-code")

    assert against.code == 4
    assert "owner: crm -> erp" in against.flat
    assert "acme.com -> elsewhere.example" in against.flat
    shop.do("sync", "--once")
    assert shop.do("plan", "--json").json["writes"][0]["needs_approval"] is True
