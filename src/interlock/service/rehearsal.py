"""Rehearsal: won deals through a pair of systems nobody misses, and a verdict on each.

The engine runs as in earnest, on a throwaway store of its own; only the deals, their customers and
products are shown to it.  One answer about a created order is lost on purpose.  Then both systems
are read back through their connectors, and what they show is judged.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from interlock.connectors.base import Connector, ConnectorContext
from interlock.errors import ConfigurationError
from interlock.governance.rules import CreatePolicy, OnCreate, Ownership, OwnershipMap, Side
from interlock.model import FieldFacts, Record, Ref
from interlock.processes.order_kinds import noted
from interlock.project.config import Environment, HistorySettings
from interlock.project.load import ConnectionConfig, Project
from interlock.reports.page import render
from interlock.reports.rehearsal import Judgement, judge
from interlock.reports.rehearsed import Evidence
from interlock.reports.sold import SoldDeal, choose, sku_key, unfit
from interlock.service.files import write_text
from interlock.service.plan import approve, make_plan
from interlock.service.readback import read_back, read_sold
from interlock.service.session import WEIGHTS_FILE, Session, connect, secrets_of
from interlock.service.syncing import sync_once
from interlock.service.watched import Shows, Watched
from interlock.store import dead_letters, outbox
from interlock.store.database import Tx
from interlock.store.outbox import WriteState
from interlock.store.vault import new_master_key
from interlock.sync.progress import Run
from interlock.sync.rebuild import longest_settle_time

__all__ = ["Found", "Rehearsal", "find_deals", "refuse_production", "rehearse", "write_page"]

_ROUNDS = 6
"""Rounds of plan, approval and sync until nothing waits."""
_COMPARED = ("name", "billing_address", "shipping_address", "tax_id", "payment_terms")
Clock = Callable[[], datetime]
NewId = Callable[[], str]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The deals a rehearsal is made of, and why others were left out."""

    chosen: Sequence[SoldDeal]
    considered: int
    unfit: Mapping[str, int]


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What was rehearsed where, and the verdict.

    ``said``: deal -> what Interlock itself says about a deal without an order.  ``problems``: what
    it could not do.
    """

    at: datetime
    where: str
    crm: str
    erp: str
    considered: int
    unfit: Mapping[str, int]
    judgement: Judgement
    said: Mapping[str, str]
    problems: Sequence[str]
    page: str | None = None

    @property
    def passed(self) -> bool:
        """Say whether everything came out as it must."""
        return self.judgement.passed


def refuse_production(project: Project) -> None:
    """Refuse a pair whose systems are not both marked as staging."""
    real = [
        project.connection(side).name
        for side in Side
        if project.connection(side).environment is not Environment.STAGING
    ]
    if real:
        raise ConfigurationError(
            f"{' and '.join(real)} {'is' if len(real) == 1 else 'are'} production: a rehearsal "
            "makes customers and orders",
            fix="connect a staging pair and say `environment: staging` of both in interlock.yaml, "
            "or add --memory: it only reads your systems",
        )


async def find_deals(project: Project, folder: Path, *, clock: Clock, new_id: NewId) -> Found:
    """Choose deals to rehearse elsewhere; only reads, and takes ordered deals as if they were not.

    ``folder``: an empty one for the throwaway store.
    """
    async with connect(_throwaway(project, folder, new_id), clock=clock, new_id=new_id) as session:
        return _found(await read_sold(session.pair, again=True), project)


def _found(sold: Sequence[SoldDeal], project: Project) -> Found:
    left_out: Counter[str] = Counter()
    fit = []
    for deal in sold:
        why = unfit(deal, project.orders.price_tolerance)
        if why is None:
            fit.append(deal)
        else:
            left_out[why] += 1
    return Found(chosen=choose(fit), considered=len(sold), unfit=dict(sorted(left_out.items())))


async def rehearse(
    project: Project, folder: Path, *, clock: Clock, new_id: NewId, where: str = "staging"
) -> Rehearsal:
    """Rehearse on the project's own pair, which must be staging; ``folder`` is an empty one."""
    refuse_production(project)
    trial = _throwaway(project, folder, new_id)
    async with connect(trial, clock=clock, new_id=new_id) as session:
        found = _found(await read_sold(session.pair), project)
    trial = replace(trial, go_live=_first_win(found.chosen))
    watched, trial = _watch(trial)
    async with connect(trial, clock=clock, new_id=new_id) as session:
        crm, erp = watched[Side.CRM], watched[Side.ERP]
        before = await read_back(session.pair, found.chosen, None)
        crm.shows, erp.shows = _shows(found.chosen, frozenset(before.orders))
        erp.lose_answer = "order"
        problems = await _run(session)
        after = await read_back(session.pair, found.chosen, before)
        crm.written.clear()
        erp.written.clear()
        problems += await _sync(session)
        evidence = Evidence(
            sold=found.chosen,
            before=before,
            after=after,
            again=await read_back(session.pair, found.chosen, before),
            facts=_facts(session),
            compared=_compared(trial.ownership),
            tolerance=trial.orders.price_tolerance,
            second_run=(*crm.written, *erp.written),
            lost_order=erp.lost,
            confirms=trial.orders.confirm,
        )
        said = await session.store.call(_said, [deal.deal.id for deal in found.chosen])
    return Rehearsal(
        at=clock(),
        where=where,
        crm=f"{project.crm.name} ({project.crm.plugin.title})",
        erp=f"{project.erp.name} ({project.erp.plugin.title})",
        considered=found.considered,
        unfit=found.unfit,
        judgement=judge(evidence),
        said=said,
        problems=tuple(dict.fromkeys(problems)),
    )


def write_page(rehearsal: Rehearsal, path: Path) -> Rehearsal:
    """Write the verdict as one HTML file."""
    page = {
        "r": rehearsal,
        "j": rehearsal.judgement,
        "made": f"{rehearsal.at:%Y-%m-%d %H:%M} UTC",
    }
    write_text(path, render("rehearsal.html.j2", page))
    return msgspec.structs.replace(rehearsal, page=str(path))


# ── running ──────────────────────────────────────────────────────────────────────────────────


async def _run(session: Session) -> list[str]:
    """Plan, approve all of it and sync, until nothing waits for an approval or an answer."""
    problems: list[str] = []
    for _ in range(_ROUNDS):
        await make_plan(session, Run(id=session.pair.new_id()))
        approve(session.store, None, by="rehearsal", now=session.pair.clock())
        problems = await _sync(session)
        pending = await session.store.call(_waits)
        if not pending:
            break
    return problems


async def _sync(session: Session) -> list[str]:
    patience = longest_settle_time(session.pair) + timedelta(minutes=3)
    report = await sync_once(session, wait=patience)
    return [p.message for p in report.problems if p.code != "limit"]


def _waits(tx: Tx) -> bool:
    return any(w.state is not WriteState.DEAD for w in outbox.pending(tx))


def _said(tx: Tx, deals: Sequence[str]) -> dict[str, str]:
    """What Interlock says of deals without an order: the case, or the dead letter."""
    told = {
        deal: case.why for deal, case in noted(tx, list(deals)).items() if case.state != "ordered"
    }
    for letter in dead_letters.opened(tx):
        if letter.source_id is not None and letter.source_id in deals:
            told[letter.source_id] = letter.message
    return told


# ── the throwaway project ────────────────────────────────────────────────────────────────────


def _throwaway(project: Project, folder: Path, new_id: NewId) -> Project:
    """The same project with a store, an installation and a history of its own.

    A new installation id makes keys no earlier rehearsal has written.
    """
    weights = project.root / WEIGHTS_FILE
    if weights.exists():
        shutil.copy(weights, folder / WEIGHTS_FILE)
    return replace(
        project,
        root=folder,
        crm=_keeping_secrets(project, project.crm),
        erp=_keeping_secrets(project, project.erp),
        store_url=f"sqlite:///{folder / 'rehearsal.db'}",
        installation=f"r{new_id()[:9]}".lower(),
        go_live=None,
        key=new_master_key(),
        ownership=_crm_first(project.ownership),
        history=HistorySettings(),
        orders=project.orders.model_copy(update={"quiet_time": timedelta(0)}),
    )


def _keeping_secrets(project: Project, config: ConnectionConfig) -> ConnectionConfig:
    """Let a token that changes during a rehearsal be kept where the project looks for it."""
    kept = secrets_of(project, config.id)

    def build(settings: object, context: ConnectorContext) -> Connector:
        return config.plugin.connect(settings, replace(context, secrets=kept))

    return replace(config, plugin=replace(config.plugin, connect=build))


def _crm_first(ownership: OwnershipMap) -> OwnershipMap:
    """Let only the deals' own customers be made: none is born in the ERP during a rehearsal."""
    rules = ownership.entities.get("customer")
    if rules is None or rules.create is not CreatePolicy.ERP:
        return ownership
    changed = msgspec.structs.replace(rules, create=CreatePolicy.NONE)
    return msgspec.structs.replace(ownership, entities={**ownership.entities, "customer": changed})


def _watch(project: Project) -> tuple[Mapping[Side, Watched], Project]:
    """Put both connections under watch: they are made when the session is."""
    made: dict[Side, Watched] = {}

    def watched(config: ConnectionConfig) -> ConnectionConfig:
        def build(settings: object, context: ConnectorContext) -> Connector:
            made[config.side] = Watched(config.plugin.connect(settings, context), config.side.value)
            return made[config.side]

        return replace(config, plugin=replace(config.plugin, connect=build))

    return made, replace(project, crm=watched(project.crm), erp=watched(project.erp))


def _shows(sold: Sequence[SoldDeal], orders: frozenset[str]) -> tuple[Shows, Shows]:
    """What the engine may see: the deals and what belongs to them; all of the ERP's customers."""
    deals = {deal.deal.id for deal in sold}
    accounts = {deal.account.id for deal in sold}
    skus = {sku_key(sku) for deal in sold for line in deal.lines if (sku := deal.sku_of(line))}

    def good(record: Record) -> bool:
        sku = record.fields.get("sku")
        return isinstance(sku, str) and sku_key(sku) in skus

    def quoted(record: Record) -> bool:
        deal = record.fields.get("deal")
        return isinstance(deal, Ref) and deal.id in deals

    def none(_record: Record) -> bool:
        return False

    crm: Shows = {
        "deal": lambda record: record.id in deals,
        "customer": lambda record: record.id in accounts,
        "quote": quoted,
        "product": good,
        "contact": none,
    }
    return crm, {"product": good, "contact": none, "order": lambda r: r.id not in orders}


def _first_win(sold: Sequence[SoldDeal]) -> datetime | None:
    won = [at for deal in sold if isinstance(at := deal.deal.fields.get("won_at"), datetime)]
    return min(won, default=None)


def _compared(ownership: OwnershipMap) -> frozenset[str]:
    """Customer fields that both systems agree on once they are linked."""
    rules = ownership.entities.get("customer")
    return frozenset(
        name
        for name in _COMPARED
        if rules is not None
        and (rule := rules.fields.get(name)) is not None
        and rule.ownership is not Ownership.LOCAL
        and (rule.ownership is Ownership.SHARED or rule.on_create is not OnCreate.OMIT)
    )


def _facts(session: Session) -> dict[str, Mapping[str, FieldFacts]]:
    found: dict[str, Mapping[str, FieldFacts]] = {}
    for side, entity in (
        (Side.CRM, "deal"), (Side.CRM, "customer"), (Side.ERP, "customer"), (Side.ERP, "order"),
    ):  # fmt: skip
        caps = session.pair.side(side).entity(entity)
        found[f"{side.value} {entity}"] = {} if caps is None else caps.fields
    return found
