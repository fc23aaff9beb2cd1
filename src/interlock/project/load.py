"""Opens a project folder: every file read, checked and compiled, every mistake in one error."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr
from sqlalchemy import make_url

from interlock.connectors.base import Plugin
from interlock.connectors.registry import load_plugin
from interlock.errors import ConfigurationError
from interlock.governance.budget import BudgetLimits
from interlock.governance.compile import SCHEMA_VERSION as OWNERSHIP_VERSION
from interlock.governance.compile import compile_boundary, compile_ownership
from interlock.governance.compile_pricing import PRICING_VERSION, compile_pricing
from interlock.governance.compile_rules import RULES_VERSION, compile_signal_rules
from interlock.governance.compile_targets import compile_order_targets
from interlock.governance.document import Document, Place, suggest
from interlock.governance.limits import Limits
from interlock.governance.pricing import PricingRules
from interlock.governance.rules import Ownership, OwnershipMap, Side
from interlock.governance.signals import SignalRules
from interlock.governance.targets import OrderTargets
from interlock.governance.versions import MapVersion
from interlock.mapping.compile import SCHEMA_VERSION as MAPPING_VERSION
from interlock.mapping.compile import compile_mapping
from interlock.mapping.overrides import MappingOverrides
from interlock.model import Schema
from interlock.project.config import SCHEMA_VERSION as CONFIG_VERSION
from interlock.project.config import (
    ConnectionDocument,
    Environment,
    HistorySettings,
    HoldSettings,
    OrderSettings,
    ProjectDocument,
    QuoteSettings,
    RoleSettings,
    ScheduleSettings,
)
from interlock.project.outreach import AlertSettings, EventEndpoint, WebSettings
from interlock.project.secrets import SHORTEST_HIDDEN, Secrets, read_env_file
from interlock.project.settings import SettingsReader, check_version
from interlock.project.yaml import read_yaml
from interlock.store.vault import KEY_VARIABLE

_T = TypeVar("_T")

__all__ = [
    "CONFIG_FILE",
    "OWNERSHIP_FILE",
    "RULES_FILE",
    "ConnectionConfig",
    "Project",
    "open_project",
]

CONFIG_FILE = "interlock.yaml"
OWNERSHIP_FILE = "ownership.yaml"
PRICING_FILE = "pricing.yaml"
RULES_FILE = "rules.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionConfig:
    """One system of the project, ready to be connected; ``settings`` is the plugin's own model.

    ``id`` is permanent, ``name`` a label.  ``environment``: unless it is said to be staging, a
    system is production.
    """

    id: str
    name: str
    side: Side
    plugin: Plugin
    settings: BaseModel
    environment: Environment = Environment.PRODUCTION
    budget: BudgetLimits = field(default_factory=BudgetLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A valid project.

    ``store_url`` may hold a password.  ``overrides``: connection name -> its mapping file.
    ``key``: what the history's personal values are encrypted with, as it stands in ``.env``.
    ``map_version``: hash of ownership and mappings, stamped on observations and bases;
    ``active_map``: the same field by field, with the files' texts.
    """

    root: Path
    installation: str
    go_live: datetime | None
    store_url: str = field(repr=False)
    crm: ConnectionConfig
    erp: ConnectionConfig
    ownership: OwnershipMap
    overrides: Mapping[str, MappingOverrides]
    schema: Schema
    orders: OrderSettings
    history: HistorySettings
    key: str | None = field(repr=False)
    map_version: str
    holds: HoldSettings = field(default_factory=HoldSettings)
    roles: RoleSettings = field(default_factory=RoleSettings)
    schedules: ScheduleSettings = field(default_factory=ScheduleSettings)
    limits: Limits = field(default_factory=Limits)
    active_map: MapVersion = field(default_factory=MapVersion)
    quotes: QuoteSettings = field(default_factory=QuoteSettings)
    pricing: PricingRules = field(default_factory=PricingRules)
    signals: SignalRules = field(default_factory=SignalRules)
    targets: OrderTargets = field(default_factory=OrderTargets)
    web: WebSettings = field(default_factory=WebSettings)
    events: tuple[EventEndpoint, ...] = ()
    alerts: AlertSettings = field(default_factory=AlertSettings)

    def connection(self, side: Side) -> ConnectionConfig:
        """The system of one side."""
        return self.crm if side is Side.CRM else self.erp

    def secrets(self) -> list[str]:
        """All credentials of the project, so that they can be kept out of logs."""
        parts = [self.crm.settings, self.erp.settings, *self.events, *self.alerts.channels]
        values = [getattr(part, name) for part in parts for name in type(part).model_fields]
        found = [v.get_secret_value() for v in values if isinstance(v, SecretStr)]
        found += [self.key or "", make_url(self.store_url).password or ""]
        return [secret for secret in found if len(secret) >= SHORTEST_HIDDEN]


def open_project(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    plugins: Callable[[str], Plugin] = load_plugin,
) -> Project:
    """Open the project in a folder (default: the current one).

    Raises one ``ConfigurationError`` whose ``problems`` are all that is wrong, each with its file,
    line and what to do.
    """
    root = (path or Path.cwd()).resolve()
    if root.name == CONFIG_FILE:
        root = root.parent
    if not (root / CONFIG_FILE).is_file():
        raise ConfigurationError(
            f"there is no project in {root}: it has no {CONFIG_FILE}",
            fix="run `interlock init` there, or name the folder with --project",
        )
    return _Loader(root, environment, plugins).load()


class _Loader:
    def __init__(
        self,
        root: Path,
        environment: Mapping[str, str] | None,
        plugins: Callable[[str], Plugin],
    ) -> None:
        self.root = root
        self.plugins = plugins
        self.problems: list[ConfigurationError] = []
        env_file = self._attempt(lambda: read_env_file(root / ".env")) or {}
        self.secrets = Secrets(os.environ if environment is None else environment, env_file)

    def load(self) -> Project:
        config = self._read(CONFIG_FILE, CONFIG_VERSION)
        ownership = self._read(OWNERSHIP_FILE, OWNERSHIP_VERSION)
        sides = {} if config is None else _stated_names(config.data)
        mappings = self._mapping_files(sides if config else None)
        never = compile_boundary(ownership) if ownership else {}
        overrides: dict[str, MappingOverrides] = {}
        for name, file in mappings.items():
            compiled = self._attempt(partial(self._mapping, file, never, sides.get(name)))
            overrides[name] = compiled or MappingOverrides()
        schema = self._schema(mappings, overrides)
        rules = self._attempt(lambda: compile_ownership(ownership, schema)) if ownership else None
        if rules is not None and not self.problems:
            self._check_custom(rules, mappings, overrides)
        stated = self._rules_file()
        signals = self._signal_rules(stated)
        targets = self._order_targets(stated, schema, rules)
        pricing = self._pricing(schema)
        parts = self._attempt(lambda: self._config(config)) if config else None
        if self.problems:
            raise ConfigurationError.combined(self.problems)
        assert parts is not None
        assert rules is not None
        document, crm, erp = parts
        return Project(
            root=self.root,
            installation=document.installation,
            go_live=document.go_live,
            store_url=_absolute_store(document.store, self.root),
            crm=crm,
            erp=erp,
            ownership=rules,
            overrides={c.name: overrides.get(c.name, MappingOverrides()) for c in (crm, erp)},
            schema=schema,
            orders=document.orders,
            holds=document.holds,
            roles=document.roles,
            schedules=document.schedules,
            history=document.history,
            web=document.web,
            events=tuple(document.events),
            alerts=document.alerts,
            key=self.secrets.value(KEY_VARIABLE),
            limits=document.stated_limits(),
            signals=signals,
            targets=targets,
            quotes=document.quotes,
            pricing=pricing,
            map_version=(version := _map_version(rules, overrides)),
            active_map=_active_map(
                version,
                rules,
                {s: overrides.get(n) for n, s in sides.items()},
                self._texts(mappings),
            ),
        )

    def _rules_file(self) -> Document | None:
        """Read the file of rules; without one, and for what it leaves out, ours hold."""
        there = (self.root / RULES_FILE).is_file()
        return self._read(RULES_FILE, RULES_VERSION) if there else None

    def _signal_rules(self, document: Document | None) -> SignalRules:
        rules = self._attempt(lambda: compile_signal_rules(document)) if document else None
        return rules or SignalRules()

    def _order_targets(
        self, document: Document | None, schema: Schema, rules: OwnershipMap | None
    ) -> OrderTargets:
        if document is None or document.problems or rules is None:
            return OrderTargets()
        compiled = self._attempt(lambda: compile_order_targets(document, schema["deal"], rules))
        return compiled or OrderTargets()

    def _pricing(self, schema: Schema) -> PricingRules:
        """Read the file of prices; without one floors are the ERP's alone."""
        if not (self.root / PRICING_FILE).is_file():
            return PricingRules()
        document = self._read(PRICING_FILE, PRICING_VERSION)
        customer = schema["customer"]
        rules = self._attempt(lambda: compile_pricing(document, customer)) if document else None
        return rules or PricingRules()

    def _texts(self, mappings: Mapping[str, Document]) -> dict[str, str]:
        names = [OWNERSHIP_FILE, *(document.file for document in mappings.values())]
        return {name: (self.root / name).read_text(encoding="utf-8") for name in names}

    def _attempt(self, step: Callable[[], _T]) -> _T | None:
        try:
            return step()
        except ConfigurationError as error:
            self.problems.extend(error.problems)
            return None

    def _read(self, name: str, version: int) -> Document | None:
        """Read a file of a known version; of another nothing else can be said."""
        document = self._attempt(lambda: read_yaml(self.root / name, name))
        if document is None:
            return None
        if not isinstance(document.data, Mapping):
            document.refuse((), "the file must consist of `name: value` lines")
        elif check_version(document, version):
            return document
        self.problems.extend(document.problems)
        return None

    def _mapping_files(self, sides: Mapping[str, Side] | None) -> dict[str, Document]:
        documents: dict[str, Document] = {}
        for file in sorted((self.root / "mappings").glob("*.y*ml")):
            name = f"mappings/{file.name}"
            if file.suffix != ".yaml":
                self.problems.append(
                    ConfigurationError(
                        "mapping files end in .yaml",
                        file=name,
                        fix=f"rename it to {file.stem}.yaml",
                    )
                )
            elif sides is not None and file.stem not in sides:
                self.problems.append(
                    ConfigurationError(
                        f"no system is called {file.stem!r}",
                        file=name,
                        fix=f"name the file after one: {suggest(file.stem, sides)}",
                    )
                )
            elif (document := self._read(name, MAPPING_VERSION)) is not None:
                documents[file.stem] = document
        return documents

    def _mapping(
        self, document: Document, never: Mapping[Side, frozenset[str]], side: Side | None
    ) -> MappingOverrides:
        barred = frozenset() if side is None else never.get(side, frozenset())
        return compile_mapping(document, root=self.root, never=barred)

    def _schema(
        self, documents: Mapping[str, Document], overrides: Mapping[str, MappingOverrides]
    ) -> Schema:
        """Join the custom fields of both systems; a field has one type."""
        custom: dict[str, dict[str, str]] = {}
        for connection, override in overrides.items():
            for entity, fields in override.custom.items():
                for field_name, kind in fields.items():
                    known = custom.setdefault(entity, {}).setdefault(field_name, kind)
                    if known != kind:
                        self._refuse(
                            documents[connection],
                            (entity, "fields", f"custom.{field_name}", "type"),
                            f"{entity}.custom.{field_name} is {kind} here and {known} in the "
                            "other system's mapping file",
                            "give both the same type",
                        )
        return Schema(custom)

    def _refuse(self, document: Document, place: Place, message: str, fix: str) -> None:
        self.problems.append(
            ConfigurationError(message, file=document.file, line=document.line(place), fix=fix)
        )

    def _check_custom(
        self,
        rules: OwnershipMap,
        documents: Mapping[str, Document],
        overrides: Mapping[str, MappingOverrides],
    ) -> None:
        """Refuse a custom field that would silently stay where it is."""
        for connection, override in overrides.items():
            for entity, fields in override.custom.items():
                governed = rules.entities[entity].fields if entity in rules.entities else {}
                for name in (f"custom.{field_name}" for field_name in fields):
                    place = (entity, "fields", name)
                    everywhere = len(documents) == len(Side) and all(
                        name in other.fields.get(entity, {}) for other in overrides.values()
                    )
                    if name not in governed:
                        self._refuse(
                            documents[connection], place,
                            f"{entity}.{name} is mapped but has no owner",
                            f"name it under {entity} in {OWNERSHIP_FILE}, or remove it here",
                        )  # fmt: skip
                    elif governed[name].ownership is not Ownership.LOCAL and not everywhere:
                        self._refuse(
                            documents[connection], place,
                            f"{entity}.{name} is mapped in one system only",
                            "map it in the other system's file too, or own it as `local`",
                        )  # fmt: skip

    def _config(
        self, document: Document
    ) -> tuple[ProjectDocument, ConnectionConfig, ConnectionConfig]:
        resolved = self.secrets.resolve(document, (), document.data)
        reader = SettingsReader(document, self.secrets)
        project = reader.read(ProjectDocument, resolved, ())
        _check_store_password(document)
        if project is not None:
            for number, endpoint in enumerate(project.events):
                reader.refuse_clear_secrets(endpoint, ("events", number))
            for number, channel in enumerate(project.alerts.channels):
                reader.refuse_clear_secrets(channel, ("alerts", "channels", number))
        if project is not None and project.crm.name == project.erp.name:
            document.refuse(("erp", "name"), f"both systems are called {project.erp.name!r}")
        if project is not None and (project.crm.id or "crm") == (project.erp.id or "erp"):
            document.refuse(("erp", "id"), "both systems have the same id")
        crm = self._connection(document, reader, Side.CRM, project.crm if project else None)
        erp = self._connection(document, reader, Side.ERP, project.erp if project else None)
        document.finish()
        assert project is not None
        assert crm is not None
        assert erp is not None
        return project, crm, erp

    def _connection(
        self,
        document: Document,
        reader: SettingsReader,
        side: Side,
        stated: ConnectionDocument | None,
    ) -> ConnectionConfig | None:
        if stated is None:
            return None
        place: Place = (side.value, "connector")
        try:
            plugin = self.plugins(stated.connector)
        except ConfigurationError as error:
            document.refuse(place, error.message, error.fix)
            return None
        if plugin.kind.value != side.value:
            document.refuse(
                place, f"{plugin.name} connects to the {plugin.kind.value}, not the {side.value}"
            )
            return None
        where: Place = (side.value, "settings")
        settings = reader.read(plugin.settings, stated.settings, where)
        if settings is None:
            return None
        reader.refuse_clear_secrets(settings, where)
        return ConnectionConfig(
            id=stated.id or side.value,
            name=stated.name,
            side=side,
            plugin=plugin,
            settings=settings,
            environment=stated.environment,
            budget=BudgetLimits(**stated.budget.model_dump()),
        )


def _stated_names(data: Mapping[str, Any]) -> dict[str, Side]:
    """Read the systems' names even where the rest of the file is wrong."""
    names: dict[str, Side] = {}
    for side in Side:
        part = data.get(side.value)
        name = part.get("name", side.value) if isinstance(part, Mapping) else side.value
        if isinstance(name, str):
            names[name] = side
    return names


def _check_store_password(document: Document) -> None:
    store = document.data.get("store")
    if isinstance(store, str) and re.search(r"://[^/@]*:(?!\$\{)[^/@]+@", store):
        document.refuse(
            ("store",),
            "store: a password stands here in clear",
            "put the whole address into .env as DATABASE_URL=... and write store: ${DATABASE_URL}",
        )


def _absolute_store(url: str, root: Path) -> str:
    """Let a relative SQLite file lie in the project folder."""
    prefix = "sqlite:///"
    if not url.startswith(prefix):
        return url
    return prefix + str(root / url.removeprefix(prefix))


def _active_map(
    version: str,
    rules: OwnershipMap,
    overrides: Mapping[Side, MappingOverrides | None],
    texts: Mapping[str, str],
) -> MapVersion:
    paths = {
        side.value: {
            f"{entity}.{name}": tuple(filter(None, (change.path, *change.inputs.values())))
            for entity, fields in override.fields.items()
            for name, change in fields.items()
        }
        for side, override in overrides.items()
        if override is not None
    }
    return MapVersion.of(
        version,
        rules,
        mapped={s.value: o.versions for s, o in overrides.items() if o is not None},
        paths=paths,
        texts=texts,
    )


def _map_version(rules: OwnershipMap, overrides: Mapping[str, MappingOverrides]) -> str:
    changed = sorted((n, o.version) for n, o in overrides.items() if o != MappingOverrides())
    parts = [rules.version, *(f"{name}={version}" for name, version in changed)]
    return sha256("|".join(parts).encode()).hexdigest()[:12]
