"""Beginning: init, check, provision, deprovision, and the command itself."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from interlock import cli

from .shop import Shop, ran

ERP = ("--erp", "memory_erp", "--set", "erp.path=erp.db")


def test_init_by_flags_writes_a_project_that_opens(tmp_path: Path) -> None:
    shop = Shop.founded(tmp_path)
    assert (tmp_path / "ownership.yaml").read_text().startswith("# yaml-language-server")
    assert shop.do("check").code == 0


def test_init_says_which_systems_there_are(tmp_path: Path) -> None:
    result = ran("init", "--project", tmp_path)
    assert result.code == 2
    assert "--crm" in result.err
    assert "memory_crm" in result.err


def test_init_refuses_to_overwrite_a_project(fresh: Shop) -> None:
    before = (fresh.root / "interlock.yaml").read_text()
    result = fresh.do("init", "--crm", "memory_crm", *ERP)
    assert result.code == 2
    assert "--force" in result.err
    assert (fresh.root / "interlock.yaml").read_text() == before


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--crm", "bottlecrm", *ERP], "--set crm.url="),
        (["--crm", "botlecrm", *ERP], "did you mean 'bottlecrm'"),
        (["--crm", "tryton", *ERP], "connects to the erp"),
        (["--crm", "memory_crm", *ERP, "--set", "crm.pth=x"], "no such setting"),
        (["--crm", "memory_crm", *ERP, "--set", "url=x"], "SIDE.NAME=VALUE"),
        (["--crm", "memory_crm", *ERP], "give either path"),
        (["--crm", "bottlecrm", *ERP, "--set", "crm.url=crm.example"], "https://host"),
    ],
)
def test_init_names_what_is_wrong_with_a_flag(tmp_path: Path, flags: list[str], says: str) -> None:
    result = ran("init", "--project", tmp_path / "p", *flags)
    assert result.code == 2
    assert says in result.flat
    assert not (tmp_path / "p").exists()


def test_init_leaves_secrets_of_the_environment_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--crm", "bottlecrm", "--set", "crm.url=https://crm.example", *ERP)
    needed = ran("init", "--project", tmp_path / "a", *flags, "--json")
    assert needed.code == 3, "a person still has to give the token"
    assert needed.json["missing_secrets"] == ["CRM_TOKEN"]
    monkeypatch.setenv("CRM_TOKEN", "bcrm_pat_of-the-environment")
    result = ran("init", "--project", tmp_path / "b", *flags, "--json")
    assert result.code == 0
    assert result.json["missing_secrets"] == []
    written = [f.read_text() for f in (tmp_path / "b").rglob("*") if f.is_file()]
    assert not any("bcrm_pat_of" in text for text in written)


def test_init_keeps_a_secret_given_as_a_flag_out_of_the_project_file(tmp_path: Path) -> None:
    result = ran(
        "init", "--project", tmp_path, "--crm", "bottlecrm", *ERP,
        "--set", "crm.url=https://crm.example", "--set", "crm.token=bcrm_pat_flag",
    )  # fmt: skip
    assert result.code == 0
    assert "bcrm_pat_flag" not in result.out + result.err
    assert "bcrm_pat_flag" not in (tmp_path / "interlock.yaml").read_text()
    assert "bcrm_pat_flag" in (tmp_path / ".env").read_text()
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_the_wizard_asks_and_does_not_show_the_password(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "interlock", "init", "--project", str(tmp_path)],
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        env={**os.environ, "TERM": "dumb", "COLUMNS": "200"},
    )  # fmt: skip
    os.close(follower)
    shown, seen = "", 0

    def wait_for(text: str) -> None:
        nonlocal shown, seen
        while text not in shown[seen:]:
            ready, _, _ = select.select([leader], [], [], 20)
            assert ready, f"no {text!r} in: {shown}"
            shown += os.read(leader, 4096).decode(errors="replace")
        seen = shown.index(text, seen) + len(text)

    try:
        for prompt, answer in (
            ("number or name): ", "1"),
            ("crm.example): ", "crm.example"),
            ("crm.example): ", "https://crm.example"),
            ("administrator): ", "bcrm_pat_wizard"),
            ("number or name): ", "memory_erp"),
            ("NAME=VALUE: ", "path=erp.db"),
        ):
            wait_for(prompt)
            os.write(leader, f"{answer}\n".encode())
        wait_for("What comes next")
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    assert "write it as https://host" in shown
    assert "bcrm_pat_wizard" not in shown
    assert "bcrm_pat_wizard" in (tmp_path / ".env").read_text()


def test_check_names_what_is_missing_and_its_fix(fresh: Shop) -> None:
    with fresh.crm() as crm:
        crm.keep_custom_columns(crm.custom_columns() - {"customer.ErpId__c"})
    result = fresh.do("check")
    assert result.code == 1
    assert "customer.ErpId__c: the column for Interlock's key is not there" in result.flat
    assert "run interlock provision" in result.flat
    document = fresh.do("check", "--json")
    assert document.code == 1
    assert document.json["ok"] is False
    assert {s["name"] for s in document.json["systems"]} == {"crm", "erp"}


def test_check_names_a_mapping_of_what_must_never_leave(fresh: Shop) -> None:
    for side, path in (("crm", "call_notes"), ("erp", "notes_of_sales")):
        (fresh.root / f"mappings/{side}.yaml").write_text(
            "schema_version: 1\ncustomer:\n  fields:\n"
            f"    custom.remark: {{path: {path}, type: text}}\n"
        )
    fresh.write("    website:", "    website: {owner: crm}\n    custom.remark: crm",
                "ownership.yaml")  # fmt: skip
    result = fresh.do("check")
    assert result.code == 1
    assert "mappings/crm.yaml: customer.custom.remark reads call_notes" in result.flat
    assert "remove this field from the file" in result.flat


def test_check_tells_that_orders_are_off(fresh: Shop) -> None:
    assert "orders have been made since" in fresh.do("check").out
    fresh.write("go_live:", "go_live:")
    assert "go_live is empty" in fresh.do("check").out


def test_provision_shows_first_and_writes_only_when_told(fresh: Shop) -> None:
    with fresh.crm() as crm:
        crm.keep_custom_columns(frozenset())
    looked = fresh.do("provision", "--dry-run")
    assert looked.code == 0
    assert "would create customer.ErpId__c" in looked.flat
    asked = fresh.do("provision")
    assert asked.code == 2, "there is nobody to ask"
    assert "--yes" in asked.err
    with fresh.crm() as crm:
        assert crm.custom_columns() == frozenset()
    done = fresh.do("provision", "--yes", "--json")
    assert done.code == 0
    steps = {s["name"]: s["steps"] for s in done.json["systems"]}
    assert {"subject": "customer.ErpId__c", "action": "created", "message": ""} in steps["crm"]
    assert {s["action"] for s in steps["erp"]} == {"present"}
    assert fresh.do("check").code == 0
    assert "everything is there" in fresh.do("provision", "--yes").out


def test_deprovision_removes_what_provision_made(fresh: Shop) -> None:
    assert "would remove" in fresh.do("deprovision", "--dry-run").out
    assert fresh.do("deprovision", "--yes").code == 0
    with fresh.crm() as crm, fresh.erp() as erp:
        assert crm.custom_columns() == erp.custom_columns() == frozenset()


def test_the_command_is_installed_and_tells_its_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "interlock", "--version"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith("interlock ")
    assert done.stderr == ""


def test_without_a_command_it_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 2
    assert "dead-letters" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["plann"], ["plan", "--nope"], ["explain"]])
def test_wrong_use_is_told_in_text_and_in_json(arguments: list[str]) -> None:
    text = ran(*arguments)
    assert text.code == 2
    assert text.out == ""
    assert "--help" in text.err
    document = ran(*arguments, "--json")
    assert document.code == 2
    assert document.json["error"]["message"]


def test_the_demo_has_no_pages_yet(tmp_path: Path) -> None:
    result = ran("demo", "--serve", "--folder", tmp_path / "demo")
    assert result.code == 2
    assert not (tmp_path / "demo").exists()
