"""``interlock rehearse``, as a user types it."""

from __future__ import annotations

from pathlib import Path

from .shop import Shop, ran


def sell(shop: Shop, deals: int) -> None:
    with shop.crm() as crm, shop.erp() as erp:
        for n in range(deals):
            name = f"{'ABCDEFGHIJKLMNOP'[n] * 4}{n} Foods"
            account = crm.add(
                "customer", {"Name": name, "Website": f"https://f{n}.example",
                             "VatNumber": f"XX{n:09}"})  # fmt: skip
            crm.add("deal", {
                "Name": f"Deal {n}", "AccountId": account, "StageName": "Closed Won",
                "Amount": {"Amount": "20.00", "CurrencyIsoCode": "EUR"},
                "Lines": [{"Id": "1", "ProductCode": "W-1", "Quantity": "2",
                           "UnitPrice": "10.00"}]})  # fmt: skip
        assert erp.all("product")


def stage(shop: Shop, sides: int = 2) -> None:
    file = shop.root / "interlock.yaml"
    text = file.read_text()
    file.write_text(text.replace("  # environment: production", "  environment: staging", sides))


def test_production_is_refused_as_wrong_use(fresh: Shop) -> None:
    sell(fresh, 2)
    said = ran("rehearse", fresh.root)
    assert said.code == 2
    assert "crm and erp are production" in said.flat
    assert "environment: staging" in said.flat
    stage(fresh, sides=1)
    said = ran("rehearse", "--project", fresh.root, "--json")
    assert said.code == 2
    assert "erp is production" in said.json["error"]["message"]
    with fresh.erp() as erp:
        assert not erp.all("order")


def test_a_staging_pair_passes_with_table_json_and_page(fresh: Shop, tmp_path: Path) -> None:
    sell(fresh, 10)
    stage(fresh)
    page = tmp_path / "verdict.html"
    said = ran("rehearse", fresh.root, "--out", page, "--json")
    assert said.code == 0, said.flat
    assert said.json["passed"] is True
    assert len(said.json["judgement"]["deals"]) == 10
    html = page.read_text()
    assert "Rehearsal" in html
    assert "both marked as staging" in html
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")
    again = ran("rehearse", fresh.root)
    assert again.code == 1
    assert "has an order already" in again.flat
    assert "0 deals became orders, at least 10 must" in again.flat


def test_in_memory_production_is_read_and_nothing_written(fresh: Shop) -> None:
    sell(fresh, 3)
    with fresh.crm() as crm:
        before = crm.all("deal") | crm.all("customer")
    said = ran("rehearse", fresh.root, "--memory")
    assert said.code == 1
    assert "3 won deals rehearsed in memory, 3 became orders" in said.flat
    assert "3 deals became orders, at least 10 must" in said.flat
    assert "--memory --made" in said.flat
    with fresh.crm() as crm, fresh.erp() as erp:
        assert before == crm.all("deal") | crm.all("customer")
        assert not erp.all("order")
    assert not list(fresh.root.glob("interlock.db*"))


def test_made_deals_need_no_reachable_system(fresh: Shop) -> None:
    for file in fresh.root.glob("*.db"):
        file.unlink()
    said = ran("rehearse", fresh.root, "--memory", "--made")
    assert said.code == 0, said.flat
    assert "Rehearsal passed." in said.out
    assert "Fifty lines" in said.out


def test_wrong_use_is_said_before_anything_is_done(fresh: Shop, tmp_path: Path) -> None:
    assert ran("rehearse", fresh.root, "--made").code == 2
    nowhere = tmp_path / "missing" / "page.html"
    said = ran("rehearse", fresh.root, "--memory", "--out", nowhere)
    assert said.code == 2
    assert "no such folder" in said.flat
    assert ran("rehearse", tmp_path).code == 2
