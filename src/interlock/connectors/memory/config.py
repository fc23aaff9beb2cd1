"""Settings of a connection to a memory system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

__all__ = ["MemorySettings"]

Seconds = Annotated[float, Field(ge=0)]


class MemorySettings(BaseModel):
    """Which system, and how much of a real one's ways it shows.

    ``path``: the file that keeps the company.  ``system``: the name of one registered in this
    process instead.  ``changes``, ``version_check``, ``answers_with_values``, ``prices``: switched
    off, the connector does without what not every vendor offers.  ``versions``: records carry a
    counter, the second of their last change (several changes may share it), or nothing.
    ``webhook_secret``: signs the webhooks somebody sends in the system's name; without one there
    are none.
    ``projects``, ``holds``: whether it has projects, and credit holds of its own.  ``orders_as``:
    what its orders are, where it does not make sales orders.  ``commit_delay``, ``read_lag``,
    ``settle_time`` in seconds, as declared to the engine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path | None = None
    system: str | None = None
    token: SecretStr = SecretStr("memory")
    webhook_secret: SecretStr = SecretStr("")
    page_size: Annotated[int, Field(ge=1)] = 200
    batch_size: Annotated[int, Field(ge=1)] = 200
    changes: bool = True
    version_check: bool = True
    answers_with_values: bool = True
    prices: bool = True
    enforces_reference: bool = False
    projects: bool = True
    holds: bool = True
    orders_as: tuple[Literal["order", "estimate", "invoice"], ...] = ("order",)
    versions: Literal["counted", "seconds", "absent"] = "counted"
    commit_delay: Seconds = 0.0
    read_lag: Seconds = 0.0
    settle_time: Seconds = 1.0

    @model_validator(mode="after")
    def _names_one_system(self) -> Self:
        if (self.path is None) == (self.system is None):
            raise ValueError("give either path (a file) or system (a registered name)")
        if self.version_check and self.versions != "counted":
            raise ValueError("version_check needs counted versions")
        return self
