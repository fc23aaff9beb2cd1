"""A store that goes back or is lost, and a run that was a mistake: what a person types."""

from __future__ import annotations

from .shop import Shop


def _customers(shop: Shop) -> int:
    with shop.erp() as erp:
        return len(erp.all("customer"))


def test_back_up_and_restore(shop: Shop) -> None:
    file = shop.root / "copy.backup"
    made = shop.do("backup", str(file), "--json")
    assert made.code == 0
    assert made.json["links"] > 0
    assert file.stat().st_mode & 0o077 == 0, "nobody else may read it"
    before = _customers(shop)
    refused = shop.do("restore", str(file))
    assert refused.code == 2
    assert "--yes" in refused.flat
    restored = shop.do("restore", str(file), "--yes")
    assert restored.code == 3
    assert "The store is as it was at" in restored.flat
    assert "The replaced store is kept:" in restored.flat
    held = shop.do("sync", "--once")
    assert held.code == 3
    assert "nothing is written until you release it" in held.flat
    assert "Nothing is written:" in shop.do("status").flat
    assert shop.do("plan").code == 3
    assert shop.do("approve").code == 0
    assert "Nothing is written:" not in shop.do("status").flat
    assert _customers(shop) == before


def test_a_file_that_is_no_backup_changes_nothing(shop: Shop) -> None:
    (shop.root / "bad.backup").write_bytes(b"not a zip")
    result = shop.do("restore", str(shop.root / "bad.backup"), "--yes")
    assert result.code == 1
    assert "not a backup" in result.flat
    assert shop.do("restore", str(shop.root / "none"), "--yes").code == 1
    assert shop.do("sync", "--once").code == 0


def test_a_deleted_store_is_rebuilt(shop: Shop) -> None:
    links = shop.do("links", "list", "--json").json["total"]
    for part in shop.root.glob("interlock.db*"):
        part.unlink()
    result = shop.do("links", "rebuild", "--yes")
    assert result.code == 3
    assert f"{links} links found again" in result.flat
    assert shop.do("audit", "verify").code == 0, "that the history begins anew is by intention"
    assert shop.do("links", "list", "--json").json["total"] == links


def test_a_store_deleted_behind_its_mark_is_noticed(shop: Shop) -> None:
    before = _customers(shop)
    (shop.root / "interlock.db").unlink()
    result = shop.do("sync", "--once")
    assert result.code == 1, "its sealed history is gone as well"
    assert "not the one that was used before" in result.flat

    assert "ends before the newest published seal" in result.flat
    assert _customers(shop) == before


def test_a_run_is_undone(shop: Shop) -> None:
    with shop.crm() as crm:
        crm.edit("customer", "001-0000001", {"Phone": "+1 555 0199"})
    run = shop.do("sync", "--once", "--json").json["run_id"]
    assert run[:8] in shop.do("runs").flat
    shown = shop.do("undo", run[:8], "--dry-run")
    assert shown.code == 0
    assert "+1 555 0199 -> +1 555 0100" in shown.flat
    assert shop.do("undo", run[:8]).code == 2, "nobody to ask"
    assert shop.do("undo", run[:8], "--yes").code == 0
    with shop.erp() as erp:
        assert "+1 555 0100" in {c["tel"] for c in erp.all("customer").values()}
    assert shop.do("undo", "ffffffff", "--dry-run").code == 2
