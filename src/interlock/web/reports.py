"""Reports as JSON, or as CSV with ``?format=csv``."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Query, Response

from interlock.errors import ConfigurationError
from interlock.reports.leakage import Tolerances
from interlock.reports.revenue import GROUPS, Period
from interlock.service import drift, holds, leakage, ownership, revenue
from interlock.service.drift import LastDrift
from interlock.service.holds import HoldView, list_holds
from interlock.service.leakage import LeakageReport, leakage_of_systems
from interlock.service.ownership import OwnershipReport, report_ownership
from interlock.service.revenue import RevenueReport, report_revenue
from interlock.service.session import weights_of
from interlock.web.desk import AtDesk
from interlock.web.routes import CSV, Routes, answer, table

__all__ = ["routes"]

routes = Routes("reports")
_FORMS = ("application/json", CSV)

Format = Annotated[Literal["json", "csv"], Query(alias="format")]


@routes.get("/v1/reports/leakage", returns=LeakageReport, media=_FORMS)
def report_leakage(
    desk: AtDesk,
    *,
    start: Annotated[date | None, Query(alias="from")] = None,
    end: Annotated[date | None, Query(alias="to")] = None,
    amount_tolerance: Annotated[Decimal, Query(ge=0, le=100)] = Decimal(2),
    days: Annotated[int, Query(ge=0, le=3650)] = 30,
    late_days: Annotated[int, Query(ge=0, le=3650)] = 365,
    form: Format = "json",
) -> Response:
    """Won deals without a matching order, each with its likely cause, and the reverse."""
    near = Tolerances(amount=amount_tolerance / 100, days=days, late=max(late_days, days))
    found = leakage_of_systems(
        desk.project, desk.store, near, weights=weights_of(desk.project), now=desk.now(),
        start=start, end=end,
    )  # fmt: skip
    if form == "csv":
        return table(leakage.sheet_of(found.leakage), "leakage")
    return answer(found)


@routes.get("/v1/reports/revenue", returns=RevenueReport, media=_FORMS)
def report_of_revenue(
    desk: AtDesk,
    *,
    by: Annotated[list[str], Query(max_length=len(GROUPS))] = ["period"],  # noqa: B006
    period: Period = Period.MONTH,
    start: Annotated[date | None, Query(alias="from")] = None,
    end: Annotated[date | None, Query(alias="to")] = None,
    form: Format = "json",
) -> Response:
    """Won, ordered, invoiced and collected, by currency, with the gaps."""
    groups = list(dict.fromkeys(by))
    if wrong := [group for group in groups if group not in GROUPS]:
        raise ConfigurationError(
            f"{len(wrong)} of the groups in `by` are none", fix=f"one of {', '.join(GROUPS)}"
        )
    found = report_revenue(
        desk.project, desk.store, now=desk.now(), by=groups, period=period, start=start, end=end
    )
    return table(revenue.sheet_of(found), "revenue") if form == "csv" else answer(found)


@routes.get("/v1/reports/holds", returns=list[HoldView], media=_FORMS)
def report_of_holds(desk: AtDesk, *, form: Format = "json") -> Response:
    """All credit holds there were, the latest first."""
    found = list_holds(desk.project, desk.store, ended=True)
    return table(holds.sheet_of(found), "holds") if form == "csv" else answer(found)


@routes.get("/v1/reports/drift", returns=LastDrift, media=_FORMS)
def report_of_drift(desk: AtDesk, *, form: Format = "json") -> Response:
    """What the last full comparison found."""
    last = drift.read_last(desk.store)
    if last is None:
        raise ConfigurationError(
            "there is no comparison yet", fix="run `interlock drift run`, or wait for the nightly"
        )
    return table(drift.sheet_of(last), "drift") if form == "csv" else answer(last)


@routes.get("/v1/reports/ownership", returns=OwnershipReport, media=_FORMS)
def report_of_ownership(desk: AtDesk, *, form: Format = "json") -> Response:
    """The ownership map: each field's owner and rule, in words."""
    found = report_ownership(desk.project)
    return table(ownership.sheet_of(found), "ownership") if form == "csv" else answer(found)
