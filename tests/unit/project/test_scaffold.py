"""A new project folder: complete, valid, and without a secret in the wrong file."""

import re
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import ConfigurationError
from interlock.governance.compile_pricing import compile_pricing
from interlock.governance.document import Document
from interlock.governance.pricing import DEFAULT_VERDICTS, PricingRules
from interlock.mapping.compile import compile_mapping
from interlock.model import Schema
from interlock.project import open_project
from interlock.project.scaffold import (
    Answers,
    Scaffolded,
    _env_text,
    _scalar,
    new_installation,
    scaffold,
)
from interlock.project.secrets import read_env_file
from interlock.project.yaml import parse_yaml
from interlock.store.vault import Vault
from tests.unit.project.conftest import CRM, ERP, CrmSettings, find_plugin


def made(root: Path, settings: dict[str, Any] | None = None, **options: Any) -> Scaffolded:
    return scaffold(
        root,
        installation="234567",
        crm=Answers(plugin=CRM, name="crm", settings=settings or {}),
        erp=Answers(plugin=ERP, name="erp", settings={"database": "prod"}),
        **options,
    )


def test_a_project_with_all_answers_opens(tmp_path: Path):
    given_settings = {"url": "https://crm.example.com", "token": "it's", "page_size": 50}
    result = made(tmp_path / "new", given_settings)
    project = open_project(tmp_path / "new", environment={}, plugins=find_plugin)
    assert project.installation == "234567"
    assert project.go_live is None
    assert isinstance(project.crm.settings, CrmSettings)
    assert project.crm.settings.page_size == 50
    assert project.crm.settings.token.get_secret_value() == given_settings["token"]
    assert project.erp.settings.model_dump() == {"database": "prod"}
    assert set(project.ownership.entities) == {
        "customer", "contact", "product", "price", "deal", "quote", "order", "project",
        "invoice",
    }  # fmt: skip
    assert result.missing == ()


def test_what_was_not_answered_is_what_opening_asks_for(tmp_path: Path):
    result = made(tmp_path)
    assert result.missing == ("CRM_TOKEN",)
    with pytest.raises(ConfigurationError) as caught:
        open_project(tmp_path, environment={}, plugins=find_plugin)
    messages = " ".join(p.message for p in caught.value.problems)
    assert "CRM_TOKEN is not set" in messages
    assert "crm.settings.url" in messages
    assert len(caught.value.problems) == 2


def test_secrets_go_to_the_env_file_only_and_only_its_owner_may_read_it(tmp_path: Path):
    result = made(tmp_path, {"url": "https://x", "token": "hunter2-hunter2"})
    holders = [f for f in result.files if "hunter2" in (tmp_path / f).read_text()]
    assert holders == [".env"]
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert ".env\n" in (tmp_path / ".gitignore").read_text()


def test_a_databases_address_is_a_secret(tmp_path: Path):
    made(tmp_path, {"url": "https://x", "token": "t"}, store="postgresql://me:pw@db/x")
    assert "pw@db" not in (tmp_path / "interlock.yaml").read_text()
    project = open_project(tmp_path, environment={}, plugins=find_plugin)
    assert project.store_url == "postgresql://me:pw@db/x"


def test_nothing_is_overwritten_without_force(tmp_path: Path):
    made(tmp_path)
    (tmp_path / "ownership.yaml").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"already has interlock\.yaml, ownership\.yaml"):
        made(tmp_path)
    assert (tmp_path / "ownership.yaml").read_text() == "mine"
    made(tmp_path, force=True)
    assert (tmp_path / "ownership.yaml").read_text() != "mine"


def test_a_secret_that_fits_no_file_leaves_the_folder_as_it_was(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"CRM_TOKEN cannot stand in \.env"):
        made(tmp_path, {"token": "'\""})
    assert list(tmp_path.iterdir()) == []


def test_force_keeps_the_variables_it_was_not_given(tmp_path: Path):
    (tmp_path / ".env").write_text("OTHER=1\nCRM_TOKEN=old\nINTERLOCK_KEY=mine\n")
    made(tmp_path, {"token": "new"}, force=True)
    assert read_env_file(tmp_path / ".env") == {
        "OTHER": "1", "CRM_TOKEN": "new", "INTERLOCK_KEY": "mine",
    }  # fmt: skip


def test_every_project_gets_a_key_of_its_own(tmp_path: Path):
    keys = set()
    for name in ("one", "two"):
        made(tmp_path / name, {"url": "https://x", "token": "t"})
        project = open_project(tmp_path / name, environment={}, plugins=find_plugin)
        assert project.key is not None
        assert project.key not in repr(project)
        Vault.of_text(project.key)
        keys.add(project.key)
    assert len(keys) == 2


def test_the_examples_in_the_mapping_file_are_valid(tmp_path: Path):
    made(tmp_path)
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "tiers.py").write_text("def read_tier(value):\n    return value\n")
    lines = (tmp_path / "mappings" / "crm.yaml").read_text().splitlines()
    start = lines.index("# customer:")
    text = "\n".join(line.removeprefix("# ") for line in lines[start:])
    overrides = compile_mapping(parse_yaml(text, "crm.yaml"), root=tmp_path)
    assert len(overrides.fields["customer"]) == 6


def test_the_pricing_file_decides_nothing_and_its_examples_are_valid(tmp_path: Path):
    made(tmp_path, {"url": "https://crm.example.com", "token": "t"})
    project = open_project(tmp_path, environment={}, plugins=find_plugin)
    found, without = project.pricing, PricingRules()
    assert (tuple(found.rules), dict(found.roles), found.approvers) == ((), {}, ())
    assert dict(found.verdicts) == dict(without.verdicts)
    assert (found.customer_group, found.default_role) == (
        without.customer_group, without.default_role,
    )  # fmt: skip
    head, _, body = (tmp_path / "pricing.yaml").read_text().partition("schema_version: 1\n")
    assert all(line.startswith("#") for line in head.splitlines())
    example = re.compile(r"# (?=[a-z_]+:( |$)|  )")
    text = "\n".join(example.sub("", line, count=1) for line in body.splitlines())
    rules = compile_pricing(
        parse_yaml("schema_version: 1\n" + text, "pricing.yaml"), Schema()["customer"]
    )
    assert len(rules.rules) == 5
    assert rules.roles == {"manager": ("0055g00000Ann",)}
    assert rules.verdicts == DEFAULT_VERDICTS, "the file names the defaults"


def test_the_files_name_schemas_that_are_there(tmp_path: Path):
    made(tmp_path)
    for name in ("interlock.yaml", "ownership.yaml", "pricing.yaml", "mappings/crm.yaml"):
        header, _, path = (tmp_path / name).read_text().splitlines()[0].partition("$schema=")
        assert header == "# yaml-language-server: "
        assert ((tmp_path / name).parent / path).is_file()


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=30))
def test_any_answer_is_read_back_as_it_was_given(text: str):
    assert parse_yaml(f"a: {_scalar(text)}", "f.yaml").data == {"a": text}


@given(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=30))
def test_any_secret_is_read_back_as_it_was_given(tmp_path_factory: Any, text: str):
    file = tmp_path_factory.mktemp("env") / ".env"
    if "'" in text and '"' in text:
        with pytest.raises(ConfigurationError):
            _env_text(file, {"A": text})
    else:
        file.write_text(_env_text(file, {"A": text}), encoding="utf-8")
        assert read_env_file(file) == {"A": text}


def test_installations_are_valid_and_differ():
    made_ids = {new_installation() for _ in range(50)}
    assert len(made_ids) == 50
    assert all(len(i) == 6 and i.isalnum() and i == i.lower() for i in made_ids)


def test_a_document_keeps_what_is_refused_in_order():
    document = Document("f.yaml", {}, {(): 1, ("a",): 2})
    document.refuse(("a", "b"), "first", "do this")
    document.refuse((), "second")
    with pytest.raises(ConfigurationError) as caught:
        document.finish()
    assert str(caught.value) == ("2 problems:\n  f.yaml:2: first (do this)\n  f.yaml:1: second")
