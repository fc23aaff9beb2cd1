"""Bad input: each a clear error that names file, line or system and what to do; nothing is lost."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from interlock.connectors.memory import register
from interlock.testing.faults import Faults

from .shop import Ran, Shop, ran

EVERY = [
    ("plan",), ("sync", "--once"), ("status",), ("check",), ("approve",),
    ("explain", "customer", "1"), ("dead-letters", "list"), ("links", "list"),
    ("provision", "--dry-run"),
]  # fmt: skip


def told(result: Ran, code: int, *says: str) -> None:
    """Assert the exit code and that all of this is said, on stderr or in the report."""
    assert result.code == code, result
    for text in says:
        assert text in result.flat, result


# ── the project's files ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("arguments", EVERY)
def test_broken_yaml_names_file_and_line(shop: Shop, arguments: tuple[str, ...]) -> None:
    file = shop.root / "interlock.yaml"
    file.write_text(file.read_text().replace("erp:\n", "erp: [\n"))
    line = file.read_text().splitlines().index("erp: [") + 1
    result = shop.do(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert "interlock.yaml:" in result.err
    assert "broken YAML" in result.err
    number = int(result.err.partition("interlock.yaml:")[2].partition(":")[0])
    assert number >= line
    document = shop.do(*arguments, "--json")
    assert document.code == 2
    assert document.json["error"]["problems"][0]["line"] == number


def test_every_mistake_is_named_at_once_with_its_fix(shop: Shop) -> None:
    shop.write("  connector: memory_crm", "  connector: memory_crn")
    shop.write("    website:", "    websit: {owner: crm}", "ownership.yaml")
    shop.write("    phone:", "    phone: {owner: both}", "ownership.yaml")
    result = shop.do("plan")
    told(
        result, 2, "4 things need mending:",
        "there is no connector 'memory_crn'", "did you mean 'memory_crm'",
        "did you mean 'website'", "ownership.yaml:", "customer.phone.owner",
    )  # fmt: skip
    assert len(shop.do("plan", "--json").json["error"]["problems"]) == 4


def test_a_folder_without_a_project_is_said_to_be_one(tmp_path: Path) -> None:
    told(ran("plan", "--project", tmp_path), 2, str(tmp_path), "interlock init")


# ── the state ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("arguments", EVERY)
def test_a_state_file_cut_in_half_is_refused_and_left_alone(
    shop: Shop, arguments: tuple[str, ...]
) -> None:
    file = shop.root / "interlock.db"
    half = file.read_bytes()[: file.stat().st_size // 2]
    file.write_bytes(half)
    result = shop.do(*arguments)
    told(result, 1, str(file), "cut short", "restore it from a backup")
    assert file.read_bytes() == half
    assert shop.do(*arguments, "--json").json["error"]["type"] == "StoreError"


def test_a_state_file_of_a_newer_version_is_refused_and_left_alone(shop: Shop) -> None:
    with sqlite3.connect(shop.root / "interlock.db") as db:
        db.execute("UPDATE alembic_version SET version_num = '9999_of_the_future'")
        rows = db.execute("SELECT count(*) FROM link").fetchone()
    db.close()
    told(shop.do("sync", "--once"), 1, "interlock.db", "newer version", "nothing was changed")
    with sqlite3.connect(shop.root / "interlock.db") as db:
        assert db.execute("SELECT count(*) FROM link").fetchone() == rows
        assert db.execute("SELECT version_num FROM alembic_version").fetchone()[0].startswith("99")
    db.close()


def test_a_file_that_is_no_state_is_refused_and_left_alone(shop: Shop) -> None:
    (shop.root / "interlock.db").write_text("my shopping list, longer than a header " * 10)
    told(shop.do("status"), 1, "not an Interlock store", "store:")
    assert (shop.root / "interlock.db").read_text().startswith("my shopping list")


def test_a_state_in_a_folder_that_is_not_there(shop: Shop) -> None:
    shop.write("store:", "store: sqlite:///nowhere/interlock.db")
    told(shop.do("status"), 1, "nowhere", "folder does not exist")


# ── the systems ──────────────────────────────────────────────────────────────────────────────


def test_a_system_that_refuses_the_credentials(shop: Shop) -> None:
    shop.write("    # token: ${ERP_TOKEN}", "    token: ${ERP_TOKEN}")
    with (shop.root / ".env").open("a") as env:
        env.write("ERP_TOKEN=not-the-right-one\n")
    result = shop.do("sync", "--once")
    told(result, 1, "memory_erp", "401", "give the system's token")
    assert "not-the-right-one" not in result.out + result.err
    told(shop.do("check"), 1, "erp (ERP in memory)", "401", "give the system's token")
    told(shop.do("plan"), 1, "Problems", "401")


def test_one_system_that_is_away_does_not_stop_the_other_and_nothing_is_lost(shop: Shop) -> None:
    away = shop.root / "away"
    shop.write('    path: "' + str(shop.root / "erp.db"), f'    path: "{away}/erp.db"')
    with shop.crm() as crm:
        crm.edit("customer", "001-0000001", {"Phone": "+1 555 0199"})
    result = shop.do("sync", "--once")
    told(result, 1, "memory_erp: cannot reach")
    document = shop.do("sync", "--once", "--json")
    assert document.code == 1
    assert [p["code"] for p in document.json["problems"]] == ["unreachable"]
    away.mkdir()
    shutil.copy(shop.root / "erp.db", away / "erp.db")
    assert shop.do("sync", "--once", "--json").json["updated"] == 1


def test_both_systems_away(shop: Shop) -> None:
    for kind in ("crm", "erp"):
        shop.write(f'    path: "{shop.root / kind}.db', f'    path: "{shop.root}/away/{kind}.db"')
    result = shop.do("sync", "--once")
    told(result, 1, "memory_crm: cannot reach", "memory_erp: cannot reach")
    assert "agree" not in result.out


@pytest.fixture
def web_page() -> Iterator[int]:
    """The port of a server that answers everything with a web page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<html><body><h1>Welcome</h1>log in as boss@acme.example</body></html>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def _real(root: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> Shop:
    monkeypatch.setenv("CRM_TOKEN", "bcrm_pat_secret-of-mine")
    monkeypatch.setenv("ERP_PASSWORD", "secret-of-mine")
    url = f"http://127.0.0.1:{port}"
    made = ran(
        "init", "--project", root, "--crm", "bottlecrm", "--erp", "tryton",
        "--set", f"crm.url={url}", "--set", f"erp.url={url}",
        "--set", "erp.database=company", "--set", "erp.login=interlock",
    )  # fmt: skip
    assert made.code == 0
    return Shop(root)


@pytest.mark.parametrize("arguments", [("sync", "--once"), ("plan",), ("check",)])
def test_a_web_page_instead_of_data_is_told_as_a_wrong_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, web_page: int, arguments: tuple[str, ...]
) -> None:
    result = _real(tmp_path, monkeypatch, web_page).do(*arguments)
    told(result, 1, "crm: the address answers", "not BottleCRM's API", "not one of Tryton's",
         "check url and database")  # fmt: skip
    for private in ("<html", "boss@acme.example", "secret-of-mine"):
        assert private not in result.out + result.err


@pytest.mark.parametrize("arguments", [("sync", "--once"), ("check",)])
def test_a_host_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = _real(tmp_path, monkeypatch, port).do(*arguments)
    told(result, 1, "crm: cannot reach http://127.0.0.1", "check the address")
    assert "secret-of-mine" not in result.out + result.err


# ── a right taken away ───────────────────────────────────────────────────────────────────────


def test_a_field_that_may_no_longer_be_read_is_left_alone_and_named(shop: Shop) -> None:
    """Hidden, the field is unknown: neither side loses its value, `check` says what to do."""
    with shop.crm() as crm:
        faults = crm.faults = Faults(crm)
        faults.hide("customer", "Phone")
        register("half-blind", crm)
        shop.write(f'    path: "{shop.root / "crm"}.db', "    system: half-blind")
        number, _ = shop.erp_customer("Acme Inc.")
        with shop.erp() as erp:
            erp.edit("customer", number, {"tel": "+1 555 0777"})
        synced = shop.do("sync", "--once", "--full")
        assert synced.code == 0
        assert shop.erp_customer("Acme Inc.")[1]["tel"] == "+1 555 0777"
        assert crm.all("customer")["001-0000001"]["Phone"] == "+1 555 0100"
        checked = shop.do("check")
        told(checked, 1, "phone cannot be read in crm", "give Interlock's user in crm the right")
        told(shop.do("explain", "customer", number, "phone"), 0, "phone: unknown", "left alone")
        faults.clear()
        assert shop.do("sync", "--once", "--full").code == 0
        assert crm.all("customer")["001-0000001"]["Phone"] == "+1 555 0777"


def test_a_column_of_ours_that_was_deleted_is_named_with_its_fix(shop: Shop) -> None:
    with shop.erp() as erp:
        erp.keep_custom_columns(erp.custom_columns() - {"customer.ext_ref"})
    told(shop.do("check"), 1, "customer.ext_ref", "run interlock provision")


# ── bugs, interruptions ──────────────────────────────────────────────────────────────────────


def _explode(*_: object) -> None:
    raise KeyError("token=abcdefabcdefabcdefabcdefabcdefabcdef of boss@acme.example")


def test_a_bug_is_one_line_without_values(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interlock.service.status.read_status", _explode)
    result = shop.do("status")
    assert result.code == 1
    assert result.err.splitlines()[0] == "unexpected KeyError: this is a bug in Interlock"
    assert "boss@" not in result.err
    document = shop.do("status", "--json")
    assert document.json == {
        "error": {"type": "KeyError", "message": "this is a bug in Interlock", "fix": None}
    }


def test_debug_shows_where_a_bug_was_but_no_values(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from interlock.cli import run

    monkeypatch.setattr("interlock.service.status.read_status", _explode)
    assert run(["--debug", "status", "--project", str(shop.root)]) == 1
    shown = capsys.readouterr().err
    assert "_explode" in shown
    assert "boss@" not in shown
    assert "abcdefabcdef" not in shown


def test_an_interruption_ends_cleanly(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("interlock.service.status.read_status", interrupted)
    result = shop.do("status")
    assert result.code == 130
    assert "Nothing is lost" in result.err


def test_json_stays_one_document_even_with_problems(shop: Shop) -> None:
    shop.write(f'    path: "{shop.root / "erp"}.db', f'    path: "{shop.root}/away/erp.db"')
    for arguments in (("sync", "--once"), ("plan",), ("check",)):
        result = shop.do(*arguments, "--json")
        assert result.code == 1
        assert result.err == ""
        json.loads(result.out)
