"""Opening a project folder: what comes out, and how every mistake is named."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.mapping.overrides import MappingOverrides
from interlock.project import Project, open_project
from tests.unit.project.conftest import CONFIG, OWNERSHIP, CrmSettings, find_plugin

Write = Callable[[str, str], None]


def opened(root: Path, **environment: str) -> Project:
    return open_project(root, environment=environment, plugins=find_plugin)


def problems(root: Path, **environment: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        opened(root, **environment)
    assert "tok-12345" not in str(caught.value)
    return [f"{p.message} [{p.fix}]" for p in caught.value.problems]


def test_a_project_opens(tmp_path: Path, write: Write):
    project = opened(tmp_path)
    assert project.root == tmp_path
    assert project.installation == "k4m2x9"
    assert project.go_live == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert project.store_url == f"sqlite:///{tmp_path}/interlock.db"
    assert (project.crm.name, project.crm.side) == ("front", Side.CRM)
    assert isinstance(project.crm.settings, CrmSettings)
    assert project.crm.settings.token.get_secret_value() == "tok-12345"
    assert project.connection(Side.ERP) is project.erp
    assert project.orders.quiet_time == timedelta(seconds=90)
    assert project.orders.price_tolerance == Decimal("0.05")
    assert project.ownership.wanted() == {"customer": {"name", "other_id"}}
    assert project.overrides == {"front": MappingOverrides(), "back": MappingOverrides()}


def test_the_secret_and_the_stores_address_are_not_shown(tmp_path: Path, write: Write):
    write("interlock.yaml", CONFIG.replace("sqlite:///interlock.db", "${DB}"))
    project = opened(tmp_path, DB="postgresql://me:hunter22@db/x")
    assert project.store_url == "postgresql://me:hunter22@db/x"
    assert "hunter22" not in repr(project)
    assert "tok-12345" not in repr(project)


def test_the_environment_overrules_the_env_file(tmp_path: Path, write: Write):
    settings = opened(tmp_path, CRM_TOKEN="from-env").crm.settings
    assert isinstance(settings, CrmSettings)
    assert settings.token.get_secret_value() == "from-env"


def test_an_absolute_sqlite_file_stays_where_it_is(tmp_path: Path, write: Write):
    write("interlock.yaml", CONFIG.replace("sqlite:///interlock.db", "sqlite:////var/x.db"))
    assert opened(tmp_path).store_url == "sqlite:////var/x.db"


def test_no_project_says_how_to_make_one(tmp_path: Path):
    (problem,) = problems(tmp_path)
    assert f"there is no project in {tmp_path}" in problem
    assert "interlock init" in problem


def test_the_current_folder_is_the_default(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert open_project(environment={}, plugins=find_plugin).root == tmp_path


def test_the_configuration_file_itself_may_be_named(tmp_path: Path, write: Write):
    assert opened(tmp_path / "interlock.yaml").root == tmp_path


def test_a_missing_ownership_file_is_named(tmp_path: Path, write: Write):
    (tmp_path / "ownership.yaml").unlink()
    assert problems(tmp_path) == ["ownership.yaml: the file is missing [None]"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "installation: k4m2x9",
            "installation: 123456",
            "interlock.yaml:2: installation: must be text [put it into quotes]",
        ),
        (
            "go_live: 2026-11-23T09:00:00+01:00",
            "go_live: 2026-11-23T09:00:00",
            (
                "interlock.yaml:3: go_live: should have timezone info [Deals won before this "
                "instant are reported, never ordered. Empty: no orders are made yet.]"
            ),
        ),
        (
            "store: sqlite:///interlock.db",
            "store: mysql://x",
            (
                "interlock.yaml:4: store: write sqlite:///FILE or "
                "postgresql://USER:PASSWORD@HOST/NAME [Where Interlock keeps its state: "
                "sqlite:///FILE or postgresql://...]"
            ),
        ),
        (
            "connector: somecrm",
            "connector: smecrm",
            "interlock.yaml:7: there is no connector 'smecrm' [installed are: somecrm, someerp]",
        ),
        (
            "connector: someerp",
            "connector: somecrm",
            "interlock.yaml:13: somecrm connects to the crm, not the erp [None]",
        ),
        (
            "    url: https://crm.example.com\n",
            "",
            (
                "interlock.yaml:8: crm.settings.url: is missing [Address of the CRM, such as "
                "https://crm.example.com]"
            ),
        ),
        (
            "    url:",
            "    pge_size: 3\n    url:",
            (
                "interlock.yaml:9: crm.settings.pge_size: is not known here "
                "[did you mean 'page_size'?]"
            ),
        ),
        (
            "    url:",
            "    page_size: 0\n    url:",
            (
                "interlock.yaml:9: crm.settings.page_size: should be greater than or equal to 1 "
                "[None]"
            ),
        ),
        (
            "    url:",
            "    login: {user: me}\n    url:",
            "interlock.yaml:9: crm.settings.login.password: is missing [None]",
        ),
        (
            "token: ${CRM_TOKEN}",
            "token: ${CRM_TOKN}",
            (
                "interlock.yaml:10: crm.settings.token: the variable CRM_TOKN is not set "
                "[put CRM_TOKN=... into .env in the project folder, or set it in the environment; "
                "did you mean 'CRM_TOKEN'?]"
            ),
        ),
        (
            "token: ${CRM_TOKEN}",
            "token: ${CRM-TOKEN}",
            (
                "interlock.yaml:10: ${CRM-TOKEN} is no reference [write ${NAME} with letters, "
                "digits and _; for a plain $ write $$]"
            ),
        ),
        (
            "token: ${CRM_TOKEN}",
            "token: tok-12345",
            (
                "interlock.yaml:10: crm.settings.token: a secret stands here in clear [put "
                "CRM_TOKEN=... into .env and write token: ${CRM_TOKEN}; change the secret if the "
                "file was shared]"
            ),
        ),
        (
            "    url:",
            "    login: {user: me, password: tok-12345}\n    url:",
            (
                "interlock.yaml:9: crm.settings.login.password: a secret stands here in clear [put "
                "CRM_PASSWORD=... into .env and write password: ${CRM_PASSWORD}; change the secret "
                "if the file was shared]"
            ),
        ),
        (
            "store: sqlite:///interlock.db",
            "store: postgresql://me:tok-12345@db/x",
            (
                "interlock.yaml:4: store: a password stands here in clear [put the whole address "
                "into .env as DATABASE_URL=... and write store: ${DATABASE_URL}]"
            ),
        ),
        (
            "name: back",
            "name: front",
            "interlock.yaml:12: both systems are called 'front' [None]",
        ),
        (
            "orders: {quiet_time: 90s,",
            "orders: {quiet_time: 90,",
            (
                "interlock.yaml:14: orders.quiet_time: write a time such as 90s, 2m, 1h30m or 1d "
                "[How long a won deal must have stood still before it is ordered.]"
            ),
        ),
        (
            "installation: k4m2x9",
            "installation: k4m2x9\ninstallation: k4m2x8",
            "interlock.yaml:3: 'installation' stands twice, first on line 2 [keep one of the two]",
        ),
        (
            "schema_version: 1",
            "schema_version: 2",
            (
                "interlock.yaml:1: schema_version 2 is newer than this Interlock, which reads up "
                "to 1 [upgrade Interlock]"
            ),
        ),
        (
            "schema_version: 1\n",
            "",
            "interlock.yaml:1: schema_version is missing [add `schema_version: 1` on top]",
        ),
        (
            "schema_version: 1",
            "schema_version: one",
            "interlock.yaml:1: schema_version is not a number [write 1]",
        ),
        (
            "erp:\n",
            "erp: [\n",
            (
                "interlock.yaml:13: broken YAML: expected ',' or ']', but got ':' [check the "
                "indentation, the quotes and the colons on this line and the one before]"
            ),
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_to_do(
    tmp_path: Path, write: Write, old: str, new: str, expected: str
):
    assert old in CONFIG
    write("interlock.yaml", CONFIG.replace(old, new, 1))
    assert problems(tmp_path) == [expected]


def test_a_message_that_quotes_a_secret_shows_its_name_instead(tmp_path: Path, write: Write):
    write("interlock.yaml", CONFIG.replace("https://crm.example.com", "${CRM_TOKEN}"))
    (problem,) = problems(tmp_path)
    assert problem.startswith("interlock.yaml:9: crm.settings.url: ${CRM_TOKEN} is no address")


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path, write: Write):
    write(".env", "CRM_TOKEN=\n")
    (problem,) = problems(tmp_path)
    assert "the variable CRM_TOKEN is empty" in problem


def test_numbers_with_a_point_fit_settings_that_take_them(tmp_path: Path, write: Write):
    write("interlock.yaml", CONFIG.replace("    url:", "    rate: 2.5\n    url:"))
    settings = opened(tmp_path).crm.settings
    assert isinstance(settings, CrmSettings)
    assert settings.rate == 2.5


def test_mistakes_of_all_files_come_at_once(tmp_path: Path, write: Write):
    write("interlock.yaml", CONFIG.replace("name: front", "name: Front Office"))
    write("ownership.yaml", OWNERSHIP.replace("conflict: erp", "conflict: boss"))
    write("mappings/back.yaml", "schema_version: 1\ncustomer: {fields: {nme: off}}")
    write(".env", "CRM_TOKEN=tok-12345\nnonsense\n")
    assert [p.partition(": ")[0] for p in problems(tmp_path, CRM_TOKEN="x")] == [
        ".env:2", "mappings/back.yaml:2", "ownership.yaml:5", "interlock.yaml:6",
    ]  # fmt: skip


# ── mapping files ────────────────────────────────────────────────────────────────────────────

TIER = "schema_version: 1\ncustomer:\n  fields:\n    custom.tier: {path: t, type: text}\n"
OWNED_TIER = OWNERSHIP.replace("fields:\n", "fields:\n    custom.tier: {owner: crm}\n")


def test_a_custom_field_mapped_and_owned_is_part_of_the_schema(tmp_path: Path, write: Write):
    write("mappings/front.yaml", TIER)
    write("mappings/back.yaml", TIER)
    write("ownership.yaml", OWNED_TIER)
    project = opened(tmp_path)
    assert project.schema["customer"].types["custom.tier"] is str
    assert "custom.tier" in project.ownership.wanted()["customer"]
    assert project.overrides["back"].fields["customer"]["custom.tier"].path == "t"


def test_a_custom_field_without_an_owner_is_refused(tmp_path: Path, write: Write):
    write("mappings/front.yaml", TIER)
    (problem,) = problems(tmp_path)
    assert problem.startswith("mappings/front.yaml:4: customer.custom.tier is mapped but has no")


def test_a_custom_field_of_one_system_must_be_local(tmp_path: Path, write: Write):
    write("mappings/front.yaml", TIER)
    write("ownership.yaml", OWNED_TIER)
    (problem,) = problems(tmp_path)
    assert "is mapped in one system only" in problem
    write("ownership.yaml", OWNED_TIER.replace("{owner: crm}", "local"))
    assert "custom.tier" in opened(tmp_path).ownership.wanted()["customer"]


def test_a_custom_field_has_one_type(tmp_path: Path, write: Write):
    write("mappings/front.yaml", TIER)
    write("mappings/back.yaml", TIER.replace("text", "number"))
    write("ownership.yaml", OWNED_TIER)
    (problem,) = problems(tmp_path)
    assert problem.startswith("mappings/front.yaml:4: customer.custom.tier is text here and number")


@pytest.mark.parametrize(("side", "barred"), [("front", "notes"), ("back", "cost_price")])
def test_a_mapping_cannot_touch_its_sides_boundary(
    tmp_path: Path, write: Write, side: str, barred: str
):
    text = f"schema_version: 1\ncustomer:\n  fields:\n    name: {{path: {barred}}}\n"
    write(f"mappings/{side}.yaml", text)
    (problem,) = problems(tmp_path)
    assert problem.startswith(f"mappings/{side}.yaml:4: customer.name: path {barred!r} is behind")
    (tmp_path / "mappings" / f"{side}.yaml").unlink()
    write(f"mappings/{'back' if side == 'front' else 'front'}.yaml", text)
    assert opened(tmp_path)


def test_a_mapping_file_of_no_system_is_refused(tmp_path: Path, write: Write):
    write("mappings/fornt.yaml", "schema_version: 1")
    (problem,) = problems(tmp_path)
    assert problem == (
        "mappings/fornt.yaml: no system is called 'fornt' "
        "[name the file after one: did you mean 'front'?]"
    )


def test_a_mapping_file_that_would_be_overlooked_is_refused(tmp_path: Path, write: Write):
    write("mappings/front.yml", "schema_version: 1")
    assert problems(tmp_path) == [
        "mappings/front.yml: mapping files end in .yaml [rename it to front.yaml]"
    ]


def test_the_map_version_follows_ownership_and_mappings(tmp_path: Path, write: Write):
    plain = opened(tmp_path).map_version
    write("mappings/front.yaml", "schema_version: 1\n# nothing yet\n")
    assert opened(tmp_path).map_version == plain
    write("mappings/front.yaml", "schema_version: 1\ncustomer: {fields: {name: {path: x}}}")
    mapped = opened(tmp_path).map_version
    write("ownership.yaml", OWNERSHIP.replace("conflict: erp", "conflict: crm"))
    assert len({plain, mapped, opened(tmp_path).map_version}) == 3
