"""Writes a new project folder: commented files, ready to be filled in."""

from __future__ import annotations

import json
import os
import secrets as randomness
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from interlock.connectors.base import Plugin
from interlock.errors import ConfigurationError
from interlock.project.load import CONFIG_FILE, OWNERSHIP_FILE, PRICING_FILE
from interlock.project.secrets import read_env_file
from interlock.store.vault import KEY_VARIABLE, new_master_key

__all__ = ["Answers", "Scaffolded", "default_ownership", "new_installation", "scaffold"]

_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def new_installation() -> str:
    """Make an id for a new installation: six letters and digits nobody confuses."""
    return "".join(randomness.choice(_ALPHABET) for _ in range(6))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What is known of one system: setting -> value; secrets among them go to ``.env``."""

    plugin: Plugin
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffolded:
    """What was written, by name relative to the folder, and the variables still to be filled."""

    root: Path
    files: tuple[str, ...]
    missing: tuple[str, ...]


def scaffold(
    root: Path,
    *,
    installation: str,
    crm: Answers,
    erp: Answers,
    store: str = "sqlite:///interlock.db",
    force: bool = False,
) -> Scaffolded:
    """Write a project folder; refuses to overwrite any of its files without ``force``.

    Secrets given in the answers, and the key of the history's personal values, are written to
    ``.env`` (readable by its owner only), never to ``interlock.yaml``.  An existing ``.env`` keeps
    every variable that is not given anew, and its key.
    """
    contents = {
        CONFIG_FILE: _config(installation, store, crm, erp),
        OWNERSHIP_FILE: _header(".schemas/ownership") + default_ownership(),
        PRICING_FILE: _header(".schemas/pricing") + _shipped("default_pricing.yaml"),
        f"mappings/{crm.name}.yaml": _mapping(crm),
        f"mappings/{erp.name}.yaml": _mapping(erp),
        ".env.example": _env_example(crm, erp),
        ".gitignore": _GITIGNORE,
        **_schemas(),
    }
    present = [name for name in contents if (root / name).exists()]
    if present and not force:
        raise ConfigurationError(
            f"{root} already has {', '.join(present)}",
            fix="choose another folder, or add --force to overwrite them",
        )
    given = _given_secrets(crm, erp)
    if _is_database(store):
        given["DATABASE_URL"] = store
    secret_file = root / ".env"
    if not read_env_file(secret_file).get(KEY_VARIABLE):
        given[KEY_VARIABLE] = new_master_key()
    secret_text = _env_text(secret_file, given)
    for name, text in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    written = tuple(contents)
    if given:
        # nobody else may read it, not even while it is being written
        secret_file.touch(mode=0o600)
        secret_file.chmod(0o600)
        secret_file.write_text(secret_text, encoding="utf-8")
        written = (*written, ".env")
    missing = tuple(v for v in _variables(crm, erp) if v not in given)
    return Scaffolded(root=root, files=written, missing=missing)


def default_ownership() -> str:
    """The standard split between CRM and ERP, as a commented file."""
    return _shipped("default_ownership.yaml")


def _shipped(name: str) -> str:
    return files("interlock.governance").joinpath(name).read_text(encoding="utf-8")


# ── interlock.yaml ───────────────────────────────────────────────────────────────────────────


def _config(installation: str, store: str, crm: Answers, erp: Answers) -> str:
    return f"""\
{_header(".schemas/interlock")}
# Interlock connects {crm.plugin.title} with {erp.plugin.title}.
# Secrets stand in .env as NAME=value and are named here as ${{NAME}}.
# `interlock check` says what is missing or wrong.
schema_version: 1

# This installation's id, part of every key written into the systems. Never change it.
installation: "{installation}"

# Deals won before this instant are reported, never ordered. Empty: no orders are made yet.
# With a time zone, such as 2030-01-31T09:00:00Z.
go_live:

# Where Interlock keeps its state: a file in this folder, or a PostgreSQL (as ${{DATABASE_URL}}).
store: {"${DATABASE_URL}" if _is_database(store) else _scalar(store)}

{_connection("crm", crm)}
{_connection("erp", erp)}
orders:
  # How long a won deal must have stood still before it is ordered.
  quiet_time: 2m
  # Largest difference between the deal's amount and the order's net total.
  price_tolerance: 0.01
  # false leaves orders as drafts for a person to confirm.
  confirm: true
  # When a deal changes, is lost or reopened after its order was made, or the order is changed or
  # cancelled in the ERP: flag (a person is asked once), ignore, or, for deal_changed and deal_lost,
  # amend_if_open (the order follows while it is open and untouched).
  after_won:
    deal_changed: flag
    deal_lost: flag
    deal_reopened: flag
    order_changed: flag
    order_cancelled: flag

history:
  # How long the history is kept, and after what time events that changed no value are thinned out.
  keep: 730d
  thin_after: 90d
  # The file its newest seal is published in; best on another disk than the store.
  head: history.head

# How often `interlock serve` reads what: a time such as 5m, or cron fields in the time zone.
# schedules:
#   time_zone: UTC
#   deals: 60s            # deals, quotes, orders
#   holds: 60s            # the ERP's customers, with their credit holds
#   customers: 5m         # the CRM's customers, contacts
#   catalogue: 0 3 * * *  # products, stock indicator, prices
#   finance: 0 2 * * *    # invoices, payments
#   sweep: 0 4 * * *      # everything in full

# Where other systems reach `interlock serve`, if they call it with webhooks.
# web:
#   public_url: https://sync.example.org

# Other tools that are told of orders, holds and leaks; signed with the secret.
# events:
#   - {{name: warehouse, url: https://tool.example.org/interlock, secret: "${{EVENTS_SECRET}}"}}

# Who is alerted when something needs a person: addresses of apprise, from .env.
# alerts:
#   channels:
#     - {{name: ops, url: "${{ALERTS_URL}}"}}
"""


def _is_database(store: str) -> bool:
    """Say whether the store's address may hold a password, which belongs into ``.env``."""
    return not store.startswith(("sqlite:", "${"))


def _connection(side: str, answers: Answers) -> str:
    lines = [
        f"{side}:",
        "  # Part of every key, as the installation's id: never change it. The name may change.",
        f"  id: {side}",
        f"  name: {answers.name}",
        f"  connector: {answers.plugin.name}",
        "  # staging: records nobody misses, so that `interlock rehearse` may make some.",
        "  # environment: production",
    ]
    fields = answers.plugin.settings.model_fields
    body: list[str] = []
    for name, info in fields.items():
        body.extend(_setting(side, name, info, answers.settings))
    if body:
        lines += ["  settings:", *body]
    return "\n".join(lines) + "\n"


def _setting(side: str, name: str, info: FieldInfo, given: Mapping[str, Any]) -> list[str]:
    """Write one setting: stated when given or required, else its default as a comment."""
    lines = [f"    # {' '.join(info.description.split())}"] if info.description else []
    if _is_used_secret(side, name, info, given):
        value = f"${{{_variable(side, name)}}}"
    elif given.get(name) is not None:
        value = _scalar(given[name])
    elif info.is_required():
        value = ""
        lines.append("    # required")
    else:
        default = info.get_default(call_default_factory=True)
        shown = "" if default in (None, PydanticUndefined) else default
        if _is_secret(info):
            shown = f"${{{_variable(side, name)}}}"
        if isinstance(shown, BaseModel | list | dict | tuple | set | frozenset):
            shown = ""
        text = _scalar(shown) if shown != "" else ""
        return [*lines, f"    # {name}: {text}".rstrip()]
    return [*lines, f"    {name}: {value}".rstrip()]


def _scalar(value: object) -> str:
    """Write a value as YAML; quotes wherever plain text could be read as something else."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list() | tuple() | Mapping():
            return json.dumps(value)
        case _:
            text = str(value)
            plain = text.replace("_", "").replace("-", "").replace(".", "")
            safe = plain.isalpha() and text.isascii() and text[0].isalpha()
            if safe and text.lower() not in {"true", "false", "null", "yes", "no", "on", "off"}:
                return text
            if text.startswith(("https://", "http://", "sqlite:///", "${")) and not set(text) & set(
                " #\"'\\"
            ):
                return text
            escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            return f'"{escaped}"'


# ── mappings, .env ───────────────────────────────────────────────────────────────────────────


def _mapping(answers: Answers) -> str:
    return f"""\
{_header("../.schemas/mapping")}
# How {answers.plugin.title} holds what Interlock syncs. The connector knows the usual fields;
# this file changes and extends that. All below is an example: remove the # to use it.
schema_version: 1

# customer:
#   fields:
#     # another place for a field
#     website: {{path: web_page, type: text, max_length: 80}}
#     # their values: ours
#     payment_terms:
#       path: terms_code
#       type: text
#       values: {{"30": Net 30, "0": Due on receipt}}
#     # a field of your own: name it in the other system's file and in ownership.yaml too
#     custom.segment: {{path: segment_code, type: text}}
#     # read and written by expressions (CEL); `value` is what the field holds
#     custom.region:
#       path: region_code
#       type: text
#       decode: value.upperAscii()
#       encode: value.lowerAscii()
#     # read by a function in functions/tiers.py of this folder
#     custom.tier: {{path: tier, type: text, decode_function: "functions.tiers:read_tier"}}
#     # not synced with this system
#     phone: off
"""


def _env_example(crm: Answers, erp: Answers) -> str:
    lines = [
        "# Copy to .env and fill in. Never commit .env.",
        *_variables(crm, erp),
        KEY_VARIABLE,
    ]
    return "\n".join([lines[0], *(f"{name}=" for name in lines[1:])]) + "\n"


def _schemas() -> dict[str, str]:
    """Copies for editors, so that they complete and check what is typed."""
    shipped = files("interlock.project").joinpath("schemas")
    return {
        f".schemas/{file.name}": file.read_text(encoding="utf-8")
        for file in sorted(shipped.iterdir(), key=lambda f: f.name)
    }


def _header(schema: str) -> str:
    return f"# yaml-language-server: $schema={schema}.schema.json\n"


_GITIGNORE = """\
.env
*.db
*.db-shm
*.db-wal
*.db-journal
secrets/
"""


def _variables(crm: Answers, erp: Answers) -> list[str]:
    return [
        _variable(side, name)
        for side, answers in (("crm", crm), ("erp", erp))
        for name, info in answers.plugin.settings.model_fields.items()
        if _is_used_secret(side, name, info, answers.settings)
    ]


def _given_secrets(crm: Answers, erp: Answers) -> dict[str, str]:
    given: dict[str, str] = {}
    for side, answers in (("crm", crm), ("erp", erp)):
        for name, info in answers.plugin.settings.model_fields.items():
            if _is_secret(info) and answers.settings.get(name):
                value = answers.settings[name]
                text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
                given[_variable(side, name)] = text
    return given


def _env_text(file: Path, given: Mapping[str, str]) -> str:
    """Set variables in the text of a ``.env``; the others stay."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    lines = [line for line in lines if line.partition("=")[0].strip() not in given]
    for name, value in given.items():
        if not value.isprintable() or ("'" in value and '"' in value):
            raise ConfigurationError(
                f"the value of {name} cannot stand in .env",
                fix="leave it out and set it in the environment",
            )
        quote = '"' if "'" in value else "'"
        lines.append(f"{name}={quote}{value}{quote}")
    return "\n".join(lines) + "\n"


def _variable(side: str, name: str) -> str:
    return f"{side}_{name}".upper()


def _is_used_secret(side: str, name: str, info: FieldInfo, given: Mapping[str, Any]) -> bool:
    """Say whether it is a secret that must be there, was given, or is in the environment."""
    wanted = info.is_required() or name in given or _variable(side, name) in os.environ
    return _is_secret(info) and wanted


def _is_secret(info: FieldInfo) -> bool:
    return "SecretStr" in str(info.annotation)
