"""Metrics in the form Prometheus reads, made of figures at the moment they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "Figures", "render"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand, in numbers.  Ages and lags in seconds; systems by name.

    ``oldest_change``: system -> age of the oldest change decided and not delivered, 0 for none.
    ``lag``: (system, entity) -> since a look that came to its end began.  ``writes``: (system,
    entity, outcome) -> records, since the store was begun.  ``webhooks``: (system, outcome).
    """

    oldest_change: Mapping[str, float]
    undelivered: Mapping[str, int]
    to_approve: int
    dead_letters: Mapping[tuple[str, str], int]
    open_fields: int
    stops: int
    holds: int
    writing: bool
    lag: Mapping[tuple[str, str], float]
    writes: Mapping[tuple[str, str, str], int]
    webhooks: Mapping[tuple[str, str], int]
    outgoing: Mapping[str, int]
    hint_age: float


Values = (
    Mapping[tuple[()], float]
    | Mapping[tuple[str], float]
    | Mapping[tuple[str, str], float]
    | Mapping[tuple[str, str, str], float]
)


class _Of(Collector):
    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    def collect(self) -> Iterator[Metric]:
        f = self.figures
        yield _gauge(
            "oldest_undelivered_change_age_seconds",
            "Age of the oldest change that is decided and not delivered; 0 for none.",
            ("system",), {(name,): age for name, age in f.oldest_change.items()},
        )  # fmt: skip
        yield _gauge("undelivered_changes", "Changes decided and not delivered.", ("system",),
                     {(name,): n for name, n in f.undelivered.items()})  # fmt: skip
        yield _gauge("changes_to_approve", "Changes that wait for an approval.", (),
                     {(): f.to_approve})  # fmt: skip
        yield _gauge("dead_letters", "Open dead letters.", ("system", "cause"), f.dead_letters)
        yield _gauge("open_fields", "Fields that differ and wait for a person.", (),
                     {(): f.open_fields})  # fmt: skip
        yield _gauge("stops", "What went beyond a limit and waits for a person.", (),
                     {(): f.stops})  # fmt: skip
        yield _gauge("credit_holds", "Customers on credit hold.", (), {(): f.holds})
        yield _gauge("writing", "1 unless nothing is written because the store went back.", (),
                     {(): int(f.writing)})  # fmt: skip
        yield _gauge("stream_lag_seconds", "Since a look at the entity that came to its end began.",
                     ("system", "entity"), f.lag)  # fmt: skip
        yield _gauge("oldest_hint_age_seconds",
                     "Age of the oldest webhook that is not followed yet; 0 for none.", (),
                     {(): f.hint_age})  # fmt: skip
        yield _gauge("outgoing_waiting", "Events and alerts that are not delivered yet.",
                     ("destination",), {(name,): n for name, n in f.outgoing.items()})  # fmt: skip
        yield _counter("writes", "Records written, or not, by outcome.",
                       ("system", "entity", "outcome"), f.writes)  # fmt: skip
        yield _counter("webhooks", "Webhooks received and refused.", ("system", "outcome"),
                       f.webhooks)  # fmt: skip


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = GaugeMetricFamily(f"interlock_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _counter(name: str, text: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = CounterMetricFamily(f"interlock_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def render(figures: Figures) -> bytes:
    """Write figures as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Of(figures))
    return generate_latest(registry)
