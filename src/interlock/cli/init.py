"""``interlock init``: a wizard on a terminal, flags elsewhere."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import JsonOutput, ProjectFolder
from interlock.cli.screen import complain, heading, note, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from interlock.connectors.base import Plugin
    from interlock.project.scaffold import Answers, Scaffolded

__all__ = ["init"]

_SIDES = ("crm", "erp")


def init(
    project: ProjectFolder = Path(),
    crm: Annotated[str | None, typer.Option("--crm", help="The CRM's connector.")] = None,
    erp: Annotated[str | None, typer.Option("--erp", help="The ERP's connector.")] = None,
    crm_name: Annotated[str, typer.Option("--crm-name", help="What to call the CRM.")] = "crm",
    erp_name: Annotated[str, typer.Option("--erp-name", help="What to call the ERP.")] = "erp",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="SIDE.NAME=VALUE", help="A setting, such as crm.url=https://…"
        ),
    ] = None,
    store: Annotated[
        str, typer.Option("--store", help="Where to keep the state.")
    ] = "sqlite:///interlock.db",
    *,
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Overwrite what is there.")
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """Write a new project folder: asks on a terminal, or takes all by flags.

    Secrets are never needed as flags: they are asked for unseen, or taken from the environment
    (CRM_TOKEN, ERP_PASSWORD, …).
    """
    from interlock.project.scaffold import new_installation, scaffold

    asks = not as_json and sys.stdin.isatty()
    given = _given(settings or [])
    _refuse_second(project, force=force)
    if asks:
        say("A new Interlock project. Nothing is sent anywhere; all can be changed later.")
    sides = {
        "crm": _Side("crm", crm_name, asks=asks, given=given["crm"]),
        "erp": _Side("erp", erp_name, asks=asks, given=given["erp"]),
    }
    if not asks and not (crm and erp):
        raise ConfigurationError(
            "say which systems to join: --crm CONNECTOR --erp CONNECTOR",
            fix="; ".join(f"{side}: {', '.join(_plugins(side))}" for side in _SIDES),
        )
    answers = [sides["crm"].answers(crm), sides["erp"].answers(erp)]
    made = scaffold(
        project.resolve(), installation=new_installation(), crm=answers[0], erp=answers[1],
        store=store, force=force,
    )  # fmt: skip
    missing = [v for v in made.missing if not os.environ.get(v)]
    if as_json:
        print_json({"folder": str(made.root), "files": made.files, "missing_secrets": missing})
    else:
        _tell(made, missing)
    finish(NEEDS_PERSON if missing else DONE)


def _refuse_second(folder: Path, *, force: bool) -> None:
    """Refuse before a person has answered twenty questions in vain."""
    if (folder / "interlock.yaml").exists() and not force:
        raise ConfigurationError(
            f"{folder.resolve()} already has a project",
            fix="choose another folder with --project, or add --force to overwrite it",
        )


def _given(settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {side: {} for side in _SIDES}
    for text in settings:
        name, equals, value = text.partition("=")
        side, dot, key = name.strip().partition(".")
        if not equals or not dot or not key or side not in found:
            raise ConfigurationError(
                f"--set {name} is not SIDE.NAME=VALUE", fix="such as --set crm.url=https://crm"
            )
        found[side][key] = _read(value)
    return found


def _read(text: str) -> Any:
    """Lists and tables are written as JSON; anything else is text until it is checked."""
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _plugins(side: str) -> dict[str, Plugin]:
    from interlock.connectors.registry import connector_names, load_plugin

    loaded = {name: load_plugin(name) for name in connector_names()}
    return {name: plugin for name, plugin in loaded.items() if plugin.kind.value == side}


@dataclass
class _Side:
    """What is known and asked about one system."""

    side: str
    name: str
    asks: bool
    given: dict[str, Any] = field(default_factory=dict)

    def answers(self, connector: str | None) -> Answers:
        """Find the connector and its settings; asks for what is missing."""
        from interlock.project.scaffold import Answers

        if self.asks:
            heading(f"The {self.side.upper()}")
        plugin = self._choose(connector)
        fields = plugin.settings.model_fields
        for unknown in [key for key in self.given if key not in fields]:
            raise ConfigurationError(
                f"--set {self.side}.{unknown}: {plugin.title} has no such setting",
                fix=f"known are: {', '.join(fields)}",
            )
        for key, info in fields.items():
            if key in self.given and _is_secret(info):
                note(f"{self.side}.{key}: a secret given as a flag stays in the shell's history")
        values = dict(self.given)
        if self.asks:
            for key, info in fields.items():
                if key not in values and info.is_required():
                    self._ask(plugin, values, key, info)
        elif missing := [
            key for key, info in fields.items()
            if info.is_required() and not _is_secret(info) and key not in values
        ]:  # fmt: skip
            raise ConfigurationError(
                f"{plugin.title} needs {', '.join(missing)}",
                fix=" ".join(f"--set {self.side}.{key}=…" for key in missing),
            )
        while self.asks and (problem := self._wrong(plugin, values).get("settings")):
            complain(problem, lead="  ")
            values |= _given([f"{self.side}.{typer.prompt('  one more setting, NAME=VALUE')}"])[
                self.side
            ]
        for key, problem in self._wrong(plugin, values).items():
            about = fields[key].description if key in fields else None
            raise ConfigurationError(f"{self.side}.{key}: {problem}", fix=about)
        return Answers(plugin=plugin, name=self.name, settings=values)

    def _choose(self, connector: str | None) -> Plugin:
        from interlock.connectors.registry import load_plugin

        plugins = _plugins(self.side)
        if connector is None:
            names = list(plugins)
            for number, (name, plugin) in enumerate(plugins.items(), 1):
                say(f"{number}  {plugin.title} ({name})", lead="  ")
            while True:
                answer = typer.prompt("Which one (number or name)").strip()
                if answer.isdigit() and 0 < int(answer) <= len(names):
                    return plugins[names[int(answer) - 1]]
                if answer in plugins:
                    return plugins[answer]
                complain("that is none of them")
        plugin = load_plugin(connector)
        if plugin.kind.value != self.side:
            raise ConfigurationError(
                f"{connector} connects to the {plugin.kind.value}, not the {self.side}",
                fix=f"choose one of: {', '.join(plugins)}",
            )
        return plugin

    def _ask(self, plugin: Plugin, values: dict[str, Any], key: str, info: FieldInfo) -> None:
        secret = _is_secret(info)
        variable = f"{self.side}_{key}".upper()
        if secret and os.environ.get(variable):
            say(f"{key}: taken from the environment ({variable})", lead="  ", style="dim")
            return
        about = f" ({info.description})" if info.description else ""
        while True:
            text = typer.prompt(f"  {key}{about}", hide_input=secret, default="",
                                show_default=False)  # fmt: skip
            if not text and secret:
                say(f"left open: put {variable}=… into .env before you go on", lead="  ")
                return
            problem = _wrong(plugin, {**values, key: _read(text)}).get(key)
            if text and problem is None:
                values[key] = _read(text)
                return
            complain(problem or "this one is needed", lead="  ")

    def _wrong(self, plugin: Plugin, values: Mapping[str, Any]) -> dict[str, str]:
        return _wrong(plugin, {**self._in_environment(plugin), **values})

    def _in_environment(self, plugin: Plugin) -> dict[str, str]:
        found = {}
        for key, info in plugin.settings.model_fields.items():
            value = os.environ.get(f"{self.side}_{key}".upper())
            if value and _is_secret(info):
                found[key] = value
        return found


def _is_secret(info: FieldInfo) -> bool:
    return "SecretStr" in str(info.annotation)


def _wrong(plugin: Plugin, values: Mapping[str, Any]) -> dict[str, str]:
    """Say what the connector finds wrong with values that are there, by setting."""
    from pydantic import ValidationError

    try:
        plugin.settings.model_validate(values)
    except ValidationError as error:
        return {
            ".".join(str(step) for step in detail["loc"][:1]) or "settings": detail["msg"]
            .removeprefix("Value error, ").replace("Input should", "should")
            for detail in error.errors(include_input=False, include_url=False)
            if detail["type"] != "missing"
        }  # fmt: skip
    return {}


def _tell(made: Scaffolded, missing: Sequence[str]) -> None:
    heading(f"Written to {made.root}")
    for name in made.files:
        if not name.startswith(".schemas/"):
            say(name, lead="  ")
    if missing:
        heading("Still needed, in the file .env")
        for variable in missing:
            say(f"{variable}=…", lead="  ")
    heading("What comes next")
    say("interlock check        names every missing permission and how to give it", lead="  ")
    say("interlock provision    makes the fields that hold the other system's id", lead="  ")
    say("interlock plan         shows what would be written, field by field", lead="  ")
    say("Orders are off until go_live is set in interlock.yaml.", lead="  ", style="dim")
