"""Provision: make, or remove, what Interlock needs inside the two systems."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.connectors.base import Provisioned
from interlock.errors import ConnectorError
from interlock.governance.rules import Side
from interlock.service.session import Session

__all__ = ["ProvisionReport", "SystemProvision", "provision"]

_AT_REST = frozenset({"present", "absent", "kept", "failed"})


class SystemProvision(msgspec.Struct, frozen=True, kw_only=True):
    """What was, or would be, done in one system; ``note`` says why nothing can be."""

    name: str
    steps: Sequence[Provisioned]
    note: str = ""

    @property
    def changes(self) -> int:
        """How many steps change something."""
        return sum(step.action not in _AT_REST for step in self.steps)


class ProvisionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was, or with ``dry_run`` would be, done in both systems."""

    dry_run: bool
    systems: Sequence[SystemProvision]

    @property
    def changes(self) -> int:
        """How many steps change something."""
        return sum(system.changes for system in self.systems)

    @property
    def failed(self) -> bool:
        """Say whether a step failed."""
        return any(step.action == "failed" for s in self.systems for step in s.steps)


async def provision(session: Session, *, dry_run: bool, remove: bool = False) -> ProvisionReport:
    """Make the fields for our keys in both systems, or remove them; one failure stops one system.

    Repeating it changes nothing.
    """
    systems = []
    for side in Side:
        connection = session.pair.side(side)
        able = connection.capabilities.provision
        if not able:
            note = f"nothing to do here ({able.note or able.level.value})"
            systems.append(SystemProvision(name=connection.name, steps=(), note=note))
            continue
        work = connection.connector.deprovision if remove else connection.connector.provision
        try:
            steps: Sequence[Provisioned] = await work(dry_run=dry_run)
        except ConnectorError as error:
            message = f"{error.message} ({error.fix})" if error.fix else error.message
            steps = [Provisioned(subject="connection", action="failed", message=message)]
        systems.append(SystemProvision(name=connection.name, steps=steps))
    return ProvisionReport(dry_run=dry_run, systems=systems)
