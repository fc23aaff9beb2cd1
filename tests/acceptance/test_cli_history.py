"""The history at the command line: proved, handed out, explained, and forgotten."""

from __future__ import annotations

import json
import sqlite3

from .shop import Shop

ACME = "001-0000001"


def test_verify_says_that_the_history_holds(shop: Shop) -> None:
    result = shop.do("audit", "verify")
    assert result.code == 0, result
    assert "as it was sealed" in result.flat
    told = shop.do("audit", "verify", "--json").json
    assert told["holds"] is True
    assert told["verdict"]["findings"] == []
    assert told["published"] == told["head"]


def test_verify_fails_and_names_the_batch_when_a_row_was_altered(shop: Shop) -> None:
    with sqlite3.connect(shop.root / "interlock.db") as store:
        store.execute("UPDATE history SET event = 'settled' WHERE event = 'created'")
    result = shop.do("audit", "verify")
    assert result.code == 1
    text = result.flat + " ".join(result.err.split())
    assert "batch 2: row" in text
    assert "was altered" in text
    told = shop.do("audit", "verify", "--json")
    assert told.code == 1
    assert told.json["verdict"]["findings"][0]["batch"] == 2


def test_an_older_store_is_an_alarm_until_a_person_accepts_it(shop: Shop) -> None:
    old = (shop.root / "interlock.db").read_bytes()
    with shop.crm() as crm:
        crm.edit("customer", ACME, {"Phone": "+1 555 0199"})
    assert shop.do("sync", "--once").code == 0
    (shop.root / "interlock.db").write_bytes(old)
    for leftover in shop.root.glob("interlock.db-*"):
        leftover.unlink()
    assert shop.do("audit", "verify").code == 1
    synced = shop.do("sync", "--once", "--json")
    assert synced.code != 0
    assert "history" in [p["code"] for p in synced.json["problems"]]
    assert shop.do("audit", "verify", "--accept", "--by", "Kim").code == 0
    assert shop.do("audit", "verify").code == 0
    assert shop.do("sync", "--once").code == 3, "what to write is another question"


def test_export_writes_one_event_a_line_for_its_owner_only(shop: Shop) -> None:
    out = shop.root / "history.jsonl"
    result = shop.do("audit", "export", "--out", out)
    assert result.code == 0, result
    events = [json.loads(line) for line in out.read_text().splitlines()]
    assert {e["event"] for e in events} >= {"created", "written"}
    assert "Acme Inc." in out.read_text(), "personal values are readable in it"
    assert out.stat().st_mode & 0o077 == 0
    again = shop.do("audit", "export", "--out", out)
    assert again.code == 2
    assert "is there already" in again.err


def test_export_of_one_record_and_one_time(shop: Shop) -> None:
    out = shop.root / "acme.jsonl"
    assert shop.do("audit", "export", "--out", out, "--entity", "customer", "--id", ACME).code == 0
    text = out.read_text()
    assert "Acme" in text
    assert "Beta" not in text
    later = shop.root / "later.jsonl"
    assert shop.do("audit", "export", "--out", later, "--since", "2999-01-01").code == 0
    assert later.read_text() == ""
    for wrong, told in (
        (("--id", ACME), "names no record"),
        (("--entity", "customer", "--id", "nobody"), "tells of no customer nobody"),
        (("--entity", "parcel"), "parcel"),
        (("--since", "yesterday"), "is no day"),
    ):
        result = shop.do("audit", "export", "--out", shop.root / "x.jsonl", *wrong)
        assert result.code == 2, result
        assert told in result.err
        assert not (shop.root / "x.jsonl").exists()


def test_explain_traces_a_value_to_its_run_map_and_request(shop: Shop) -> None:
    field = shop.do("explain", "customer", ACME, "name", "--json").json["fields"][0]
    [written] = [m for m in field["history"] if m["event"] == "written"]
    assert written["new"] == "Acme Inc."
    for trace in ("at", "why", "map_version", "run", "request", "write"):
        assert written[trace], trace
    assert field["systems"]["erp"]["came_from"] == written
    text = shop.do("explain", "customer", ACME, "name").flat
    assert f"request {written['request']}" in text
    assert f"run {written['run'][:7]}" in text


def test_explain_says_who_overruled_an_edit(shop: Shop) -> None:
    number, _ = shop.erp_customer("Acme Inc.")
    with shop.erp() as erp:
        erp.edit("customer", number, {"web": "https://other.example"})
    assert shop.do("sync", "--once").code == 0
    field = shop.do("explain", "customer", ACME, "website", "--json").json["fields"][0]
    [overruled] = [m for m in field["history"] if m["event"] == "overruled"]
    assert overruled["old"] == "https://other.example"
    assert overruled["overruled_by"] == "crm"
    assert "gave way to crm's" in shop.do("explain", "customer", ACME, "website").flat


def test_forget_keeps_nothing_and_is_no_alarm(shop: Shop) -> None:
    assert b"Acme" in (shop.root / "interlock.db").read_bytes()
    result = shop.do("forget", "customer", ACME, "--yes", "--by", "Kim")
    assert result.code == 0, result
    assert "is forgotten" in result.flat
    assert "interlock forget contact" in result.flat, "its people are records of their own"
    for file in shop.root.glob("interlock.db*"):
        assert b"Acme" not in file.read_bytes()
    verified = shop.do("audit", "verify")
    assert verified.code == 0, verified
    assert "forgotten" in verified.flat
    assert shop.do("sync", "--once", "--full").code == 0
    assert b"Acme" not in (shop.root / "interlock.db").read_bytes()
    assert "it was forgotten" in shop.do("explain", "customer", ACME).flat


def test_forget_finds_people_by_e_mail(shop: Shop) -> None:
    result = shop.do("forget", "--email", "JO@acme.example", "--yes", "--json")
    assert result.code == 0, result
    assert {r["entity"] for r in result.json["records"]} == {"contact"}
    assert {r["system"] for r in result.json["records"]} == {"crm", "erp"}


def test_forget_refuses_what_it_cannot_do(shop: Shop) -> None:
    for arguments, told in (
        ((), "say whom"),
        (("customer",), "say whom"),
        (("customer", "nobody", "--yes"), "knows no customer nobody"),
        (("invoice", "1", "--yes"), "invoice"),
        (("product", "W-1", "--yes"), "a product is nobody"),
        (("customer", ACME), "cannot be undone"),
        (("customer", ACME, "--yes", "--system", "sap"), "no system is called 'sap'"),
        (("--email", "nobody", "--yes"), "no e-mail address"),
        (("--email", "x@y.example", "--yes"), "knows nobody"),
        (("customer", ACME, "--email", "x@y.example", "--yes"), "--email finds"),
    ):
        result = shop.do("forget", *arguments)
        assert result.code == 2, (arguments, result)
        assert told in result.err
    assert shop.do("audit", "verify").code == 0
    assert "Acme" in shop.do("explain", "customer", ACME).out


def test_without_its_key_the_store_is_not_opened(shop: Shop) -> None:
    env = shop.root / ".env"
    kept = env.read_text()
    env.write_text("\n".join(li for li in kept.splitlines() if "INTERLOCK_KEY" not in li))
    result = shop.do("status")
    assert result.code == 2
    assert "INTERLOCK_KEY is not set" in result.err
    assert ".env" in result.err, "and says what to do"
    env.write_text(kept)
    assert shop.do("status").code in (0, 3)
