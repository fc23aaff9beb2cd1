"""A session: an open project with its store and both connections, for one use case."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from interlock.connectors.base import ConnectorContext
from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.matching.score import Weights
from interlock.processes.amendments import AfterWon, Policy
from interlock.processes.catalogue import Catalogue
from interlock.processes.credit_hold import CreditHold
from interlock.processes.gates import in_turn
from interlock.processes.hold_gate import HoldGate
from interlock.processes.hold_rules import HoldRules, Members, kinds_of
from interlock.processes.order_to_cash import OrderToCash
from interlock.processes.pauses import Pauses
from interlock.processes.quote_facts import Quotes, QuoteSettings
from interlock.processes.quote_gate import QuoteGate
from interlock.processes.quote_to_order import OrderSettings, QuoteToOrder, order_as_deal
from interlock.processes.quote_to_project import QuoteToProject
from interlock.processes.quote_verdicts import Verdicts
from interlock.processes.roles import Role, Roles
from interlock.processes.tasks import Tasks
from interlock.project.load import Project
from interlock.runtime.cycle import Process
from interlock.service.audit import reapply_forgotten
from interlock.service.matching import load_weights
from interlock.store.database import Store
from interlock.store.mark import MarkFile
from interlock.store.moving import moved_to
from interlock.store.secretfile import SECRETS_FOLDER, SecretFolder
from interlock.store.vault import KEY_VARIABLE, Vault
from interlock.sync.budget import SharedBudget
from interlock.sync.pair import Connection, Gate, Pair

__all__ = [
    "WEIGHTS_FILE",
    "Session",
    "connect",
    "hold_rules_of",
    "make_session",
    "mark_path",
    "open_store",
    "quote_settings_of",
    "roles_of",
    "weights_of",
]

WEIGHTS_FILE = "matching-weights.json"
"""In the project's folder: the weights ``match learn`` found and a person put to use."""


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Session:
    """What a use case works with."""

    project: Project
    pair: Pair
    processes: tuple[Process, ...]
    quotes: Quotes

    @property
    def store(self) -> Store:
        """The project's store."""
        return self.pair.store


def open_store(project: Project) -> Store:
    """Open the project's store alone: enough for whatever only reads or decides.

    An older store that was put back forgets here what has been forgotten since.
    """
    if project.key is None:
        raise ConfigurationError(
            f"the variable {KEY_VARIABLE} is not set: it holds the key of the history",
            fix="put the line that `interlock init` wrote back into .env, or set it in the "
            "environment",
        )
    store = Store.open(
        project.store_url,
        project.schema,
        mark=MarkFile(mark_path(project)),
        vault=Vault.of_text(project.key),
    )
    try:
        _refuse_moved(store)
        reapply_forgotten(project, store, _now())
    except BaseException:
        store.close()
        raise
    return store


def _refuse_moved(store: Store) -> None:
    where = store.run(moved_to)
    if where is not None:
        raise ConfigurationError(
            f"this store was moved to {where}: it is not used any more",
            fix="name the new one under `store:`; to go on with this one after all: "
            "interlock store migrate-to --cancel",
        )


def mark_path(project: Project) -> Path:
    """Where the store's mark lies: beside a file, in the project's folder for a database."""
    prefix = "sqlite:///"
    if project.store_url.startswith(prefix):
        return Path(project.store_url.removeprefix(prefix) + ".mark")
    return project.root / "interlock.mark"


def secrets_of(project: Project, connection: str) -> SecretFolder | None:
    """Where a connection keeps secrets that change; nowhere without the project's key."""
    if project.key is None:
        return None
    return SecretFolder(project.root / SECRETS_FOLDER / connection, project.key)


def weights_of(project: Project) -> Weights:
    """What the project matches customers with: weights it learnt, else those we ship."""
    path = project.root / WEIGHTS_FILE
    return load_weights(path if path.exists() else None)


def _make_pair(
    project: Project,
    store: Store,
    *,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
    sleep: Callable[[float], Awaitable[None]],
    gates: Mapping[str, Gate],
) -> Pair:
    """Build both connections; does no I/O."""
    connections = {}
    for side in Side:
        config = project.connection(side)
        budget = SharedBudget(
            store, config.id, config.name, config.budget, clock=clock, sleep=sleep, new_id=new_id
        )
        context = ConnectorContext(
            connection=config.name,
            installation=project.installation,
            clock=clock,
            wanted=project.ownership.wanted(),
            other=project.connection(side.other).name,
            overrides=project.overrides[config.name],
            budget=budget,
            secrets=secrets_of(project, config.id),
        )
        connector = config.plugin.connect(config.settings, context)
        budget.adopt(connector.capabilities.calls)
        connections[side] = Connection(
            side=side, id=config.id, name=config.name, connector=connector, budget=budget
        )
    return Pair(
        crm=connections[Side.CRM],
        erp=connections[Side.ERP],
        store=store,
        ownership=project.ownership,
        map_version=project.map_version,
        active_map=project.active_map,
        installation=project.installation,
        clock=clock,
        new_id=new_id,
        limits=project.limits,
        views={("deal", "order"): order_as_deal},
        counterpart={("deal", Side.ERP): "order"},
        weights=weights_of(project),
        gates=gates,
    )


def hold_rules_of(project: Project) -> HoldRules:
    """What the project says about credit holds."""
    stated = project.holds
    return HoldRules(
        release_after=stated.release_after,
        pause=kinds_of(stated.pause),
        kinds=stated.deal_kind,
        paused_stage=stated.paused_stage,
        members=Members(stated.members),
        days_overdue=stated.days_overdue,
        overdue=stated.overdue,
    )


def quote_settings_of(project: Project) -> QuoteSettings:
    """What the project says about the check of quotes."""
    return QuoteSettings(
        pricing=project.pricing,
        signals=project.signals,
        budget=float(project.quotes.time_budget),
        stale_after=project.quotes.stale_after,
        before_order=project.quotes.before_order,
        go_live=project.go_live,
    )


def roles_of(project: Project) -> Roles:
    """Who stands for which role."""
    stated = project.roles
    return Roles(
        stated={role: getattr(stated, role.value) for role in Role}, fallback=stated.fallback
    )


def _order_settings_of(project: Project) -> OrderSettings:
    """What the project says about orders, and about what else deals become."""
    stated = project.orders
    return OrderSettings(
        go_live=project.go_live,
        quiet_time=stated.quiet_time,
        tolerance=stated.price_tolerance,
        confirm=stated.confirm,
        after_won=AfterWon(**{k: Policy(v) for k, v in stated.after_won.model_dump().items()}),
        targets=project.targets,
    )


def make_session(
    project: Project,
    store: Store,
    *,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] = _new_id,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Session:
    """Put a session together; does no I/O.  ``clock``: the store's unless another is given."""
    gates: dict[str, Gate] = {}
    pair = _make_pair(
        project, store, clock=clock or store.clock, new_id=new_id, sleep=sleep, gates=gates
    )
    settings = _order_settings_of(project)
    orders, projects = QuoteToOrder(pair, settings), QuoteToProject(pair, settings)
    roles, rules = roles_of(project), hold_rules_of(project)
    cash = OrderToCash(pair, project.signals, rules, roles)
    holds = CreditHold(pair, rules, roles, cash)
    quotes = Quotes(pair, quote_settings_of(project))
    gates["order"] = gates["project"] = in_turn(HoldGate(cash), QuoteGate(quotes))
    # figures come before the holds that follow from them, and those before orders
    catalogue = Catalogue(pair, project.signals.stock)
    verdicts = Verdicts(pair, quotes)
    processes = (catalogue, cash, holds, Pauses(pair), verdicts, orders, projects, Tasks(pair))
    return Session(project, pair, processes, quotes)


@asynccontextmanager
async def connect(
    project: Project,
    *,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] = _new_id,
) -> AsyncIterator[Session]:
    """Open store and connections, and close them again whatever happens."""
    async with AsyncExitStack() as stack:
        store = open_store(project)
        stack.callback(store.close)
        session = make_session(project, store, clock=clock, new_id=new_id)
        for side in Side:
            connection = session.pair.side(side)
            stack.push_async_callback(connection.budget.close)
            await stack.enter_async_context(connection.connector)
        yield session
