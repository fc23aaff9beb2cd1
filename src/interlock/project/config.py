"""The shape of ``interlock.yaml``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from interlock.governance.limits import Kind, Limit, Limits
from interlock.governance.pricing import BeforeOrder
from interlock.model import ENTITIES, Money
from interlock.project.duration import Duration, parse_duration
from interlock.project.outreach import AlertSettings, EventEndpoint, WebSettings

__all__ = [
    "SCHEMA_VERSION", "ConnectionDocument", "Duration", "Environment", "HistorySettings",
    "HoldSettings", "OrderSettings", "ProjectDocument", "QuoteSettings", "RoleSettings",
    "ScheduleSettings", "parse_duration",
]  # fmt: skip

SCHEMA_VERSION = 1


def _is_store(url: str) -> str:
    if re.match(r"(sqlite:///|postgresql://).", url) is None:
        raise ValueError("write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    return url


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


_OBJECT = WithJsonSchema({"type": ["object", "null"]})


def _none_is_empty(value: object) -> object:
    return {} if value is None else value


class Environment(StrEnum):
    """What a system is used for."""

    PRODUCTION = "production"
    STAGING = "staging"


class BudgetSettings(_Part):
    """How many calls a system may get; what nobody states is what its connector knows."""

    per_day: int | None = Field(
        default=None, ge=1, description="Calls of all programs together in 24 hours."
    )
    reserve: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="Share of the day's calls that is left to other programs.",
    )
    per_window: int | None = Field(default=None, ge=1, description="Our calls in any `window`.")
    window: Duration = Field(
        default=timedelta(seconds=1),
        json_schema_extra={"default": "1s"},
        description="The time `per_window` counts in.",
    )
    slots: int | None = Field(
        default=None, ge=1, description="Our calls at the same time, of all workers together."
    )


class ConnectionDocument(_Part):
    """One of the two systems: ``settings`` are checked by its connector."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_-]{0,30}$",
        description="What the system is called in commands, messages and mappings/NAME.yaml.",
    )
    id: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9_-]{0,30})?$",
        description="What the system is called inside every key written into the other one. Never "
        "change it, whatever the name; another system in its place gets another id. (default: "
        "crm or erp)",
    )
    connector: str = Field(min_length=1, description="The connector that speaks to the system.")
    environment: Environment = Field(
        default=Environment.PRODUCTION,
        description="staging: a system whose records nobody misses; only there `interlock "
        "rehearse` makes customers and orders.",
    )
    budget: BudgetSettings = Field(
        default_factory=BudgetSettings,
        description="How many calls the system may get from us.",
    )
    settings: Annotated[dict[str, Any], BeforeValidator(_none_is_empty), _OBJECT] = Field(
        default_factory=dict,
        description="The connector's own settings; secrets as ${NAME}, from the environment "
        "or .env.",
    )


_Follows = Literal["amend_if_open", "flag", "ignore"]
_Shown = Literal["flag", "ignore"]


class AfterWonSettings(_Part):
    """What happens when a deal and its order come apart after the order was made.

    amend_if_open: the order follows while the ERP leaves it open and nobody touched it there, else
    it is flagged; flag: a person is asked once; ignore: both stay as they are.
    """

    deal_changed: _Follows = Field(
        default="flag", description="Lines, amount, PO number or customer of the deal changed."
    )
    deal_lost: _Follows = Field(
        default="flag", description="The deal was lost; amend_if_open cancels its order."
    )
    deal_reopened: _Shown = Field(
        default="flag", description="The deal was reopened; it may be won again."
    )
    order_changed: _Shown = Field(
        default="flag", description="Lines, net total or currency of the order changed in the ERP."
    )
    order_cancelled: _Shown = Field(
        default="flag", description="The order was cancelled in the ERP."
    )


class OrderSettings(_Part):
    """How a won deal becomes an order."""

    quiet_time: Duration = Field(
        default=timedelta(minutes=2),
        json_schema_extra={"default": "2m"},
        description="How long a won deal must have stood still before it is ordered.",
    )
    price_tolerance: Annotated[Decimal, Field(ge=0)] = Field(
        default=Decimal("0.01"),
        description="Largest difference between the deal's amount and the order's net total, in "
        "the deal's currency (a tenth of it where that has three decimals); above it the order "
        "waits for a person.",
    )
    confirm: bool = Field(
        default=True,
        description="Confirm the order once its total is proven; false leaves it a draft.",
    )
    after_won: AfterWonSettings = Field(
        default_factory=AfterWonSettings,
        description="What happens when deal and order come apart after the order was made.",
    )


_Count = Annotated[int, Field(ge=0)]


class WindowLimits(_Part):
    """One limit for the hour and another one for the day."""

    hour: _Count
    day: _Count


class EntityLimits(_Part):
    """How many records of one entity may be written unasked, by what is done to them.

    A single number holds for an hour and for a day.
    """

    create: _Count | WindowLimits | None = None
    change: _Count | WindowLimits | None = None
    blank: _Count | WindowLimits | None = Field(
        default=None, description="Values replaced by nothing."
    )
    deactivate: _Count | WindowLimits | None = None
    stage: _Count | WindowLimits | None = Field(
        default=None, description="Deals moved to another stage."
    )


def _money(value: object) -> object:
    """Read ``1000 EUR``."""
    if isinstance(value, Money) or value is None:
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ([A-Z]{3})", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write an amount with its currency, such as 1000 EUR")
    return Money(Decimal(match[1]), match[2])


class HoldSettings(_Part):
    """What a credit hold does."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    release_after: Duration = Field(
        default=timedelta(minutes=10),
        json_schema_extra={"default": "10m"},
        description="How long a hold must have been off before it counts as released.",
    )
    pause: list[str] = Field(
        default=["renewal", "upsell"],
        description="Kinds of open deals that wait while their customer is on hold.",
    )
    deal_kind: dict[str, str] = Field(
        default_factory=dict,
        description="The CRM's word for a kind of deal: kind. Empty: its words are the kinds.",
    )
    paused_stage: str = Field(
        default="",
        description="The stage a paused deal is moved to. Empty: it keeps its stage and is marked.",
    )
    members: Literal["any", "primary"] = Field(
        default="any",
        description="Whose hold counts where an account is several customers in the ERP.",
    )
    days_overdue: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="For an ERP without holds: on hold when overdue for more days than this.",
    )
    overdue: Annotated[
        Money | None,
        BeforeValidator(_money),
        WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)? [A-Z]{3}$"}),
    ] = Field(
        default=None,
        description="For an ERP without holds: on hold when more than this is overdue.",
    )


class RoleSettings(_Part):
    """Who is told: a CRM user's id, or a field of the customer that holds one (custom.NAME)."""

    owner: str = Field(default="", description="Empty: the owner of the customer.")
    sales_manager: str = Field(default="", description="Empty: the owner.")
    customer_success: str = Field(default="", description="Empty: the owner.")
    finance: str = Field(default="", description="Empty: the fallback.")
    fallback: str = Field(default="", description="Whoever is told where a role names nobody.")


class QuoteSettings(_Part):
    """How quotes are checked against the ERP."""

    time_budget: Annotated[Decimal, Field(gt=0, le=60)] = Field(
        default=Decimal("0.8"),
        description="Seconds the ERP may take to answer; after that the check goes by what was "
        "seen last, and says how old that is.",
    )
    stale_after: Duration = Field(
        default=timedelta(days=1),
        json_schema_extra={"default": "1d"},
        description="What was seen longer ago than this is a finding of its own.",
    )
    before_order: BeforeOrder = Field(
        default=BeforeOrder.WARN,
        description="What the check does right before an order is made: block (a stop waits for "
        "an approver), warn (it is shown) or pass (nothing is checked).",
    )


class HistorySettings(_Part):
    """How long the history is kept, and where its head is published."""

    keep: Duration = Field(
        default=timedelta(days=730),
        json_schema_extra={"default": "730d"},
        description="How long the history is kept. What is pruned stays provable as a whole.",
    )
    thin_after: Duration = Field(
        default=timedelta(days=90),
        json_schema_extra={"default": "90d"},
        description="After this time events that changed nobody's value are thinned out.",
    )
    head: str = Field(
        default="history.head",
        min_length=1,
        description="The file the history's newest seal is published in; best on another disk "
        "than the store. The list of forgotten records lies beside it.",
    )


def _schedule(value: object) -> object:
    """Read a time such as 5m, or five cron fields."""
    if isinstance(value, str) and value.count(" ") >= 4:
        try:
            CronSim(value, datetime(2026, 1, 1, tzinfo=UTC))
        except CronSimError:
            raise ValueError(
                "write five cron fields (minute hour day month weekday), or a time such as 5m"
            ) from None
        return value
    period = parse_duration(value)
    if period < timedelta(seconds=10):
        raise ValueError("at most every 10s")
    return period


Cadence = Annotated[
    timedelta | str, BeforeValidator(_schedule), WithJsonSchema({"type": "string", "minLength": 2})
]


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("write a time zone such as Europe/Berlin") from None
    return name


class ScheduleSettings(_Part):
    """What `interlock serve` reads how often: a time (5m, 1h), or five cron fields."""

    time_zone: Annotated[str, AfterValidator(_is_zone)] = Field(
        default="UTC", description="What the hours of cron fields are meant in."
    )
    deals: Cadence = Field(
        default=timedelta(seconds=60),
        json_schema_extra={"default": "60s"},
        description="Deals, quotes and orders.",
    )
    holds: Cadence = Field(
        default=timedelta(seconds=60),
        json_schema_extra={"default": "60s"},
        description="The ERP's customers, with their credit holds.",
    )
    customers: Cadence = Field(
        default=timedelta(minutes=5),
        json_schema_extra={"default": "5m"},
        description="The CRM's customers, contacts and tasks.",
    )
    catalogue: Cadence = Field(
        default="0 3 * * *", description="Products, stock indicator and price lists."
    )
    finance: Cadence = Field(default="0 2 * * *", description="Invoices and payments.")
    sweep: Cadence = Field(
        default="0 4 * * *", description="Everything in full, whatever the systems report."
    )


class ProjectDocument(_Part):
    """All of ``interlock.yaml``."""

    schema_version: int = Field(description="Version of this file's form.", ge=1)
    installation: str = Field(
        pattern=r"^[a-z0-9]{4,12}$",
        description="This installation's id, part of every key written into the systems. Never "
        "change it.",
    )
    go_live: AwareDatetime | None = Field(
        default=None,
        description="Deals won before this instant are reported, never ordered. Empty: no orders "
        "are made yet.",
    )
    store: Annotated[str, AfterValidator(_is_store)] = Field(
        default="sqlite:///interlock.db",
        description="Where Interlock keeps its state: sqlite:///FILE or postgresql://...",
    )
    crm: ConnectionDocument
    erp: ConnectionDocument
    orders: OrderSettings = Field(default_factory=OrderSettings)
    holds: HoldSettings = Field(default_factory=HoldSettings)
    roles: RoleSettings = Field(default_factory=RoleSettings)
    quotes: QuoteSettings = Field(default_factory=QuoteSettings)
    limits: dict[str, EntityLimits] = Field(
        default_factory=dict,
        description="Entity: how many records may be written unasked. Without one, creates and "
        "changes stop at 5 % of the records there (20 to 500), all else at 20.",
    )

    @field_validator("limits")
    @classmethod
    def _known(cls, stated: dict[str, EntityLimits]) -> dict[str, EntityLimits]:
        for entity in stated:
            if entity not in ENTITIES:
                raise ValueError(f"{entity} is no entity; there are {', '.join(ENTITIES)}")
        return stated

    def stated_limits(self) -> Limits:
        """The limits as the engine takes them."""
        stated = {}
        for entity, kinds in self.limits.items():
            numbers = {Kind(name): value for name, value in kinds if value is not None}
            stated[entity] = {
                kind: Limit(n, n) if isinstance(n, int) else Limit(n.hour, n.day)
                for kind, n in numbers.items()
            }
        return Limits(stated)

    history: HistorySettings = Field(default_factory=HistorySettings)
    schedules: ScheduleSettings = Field(default_factory=ScheduleSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    events: list[EventEndpoint] = Field(
        default_factory=list, description="Tools that are told of orders, holds and leaks."
    )
    alerts: AlertSettings = Field(default_factory=AlertSettings)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for what, named in (("events", self.events), ("alerts.channels", self.alerts.channels)):
            names = [one.name for one in named]
            if len(set(names)) < len(names):
                raise ValueError(f"{what}: two of them have the same name")
        return self
