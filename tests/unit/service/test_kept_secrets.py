"""Where a connection's changing secrets are kept, in the project and while it is rehearsed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from interlock.connectors.base import ConnectorContext, Secrets
from interlock.project.load import open_project
from interlock.service import rehearsal
from interlock.service.session import secrets_of
from tests.acceptance.shop import Shop


def test_each_connection_has_a_folder_of_its_own(tmp_path: Path) -> None:
    project = open_project(Shop.founded(tmp_path / "shop").root)
    for side in ("crm", "erp"):
        secrets = secrets_of(project, side)
        assert secrets is not None
        secrets.save("token", f"of {side}")
    assert (project.root / "secrets" / "crm" / "token").exists()
    crm = secrets_of(project, "crm")
    assert crm is not None
    assert crm.load("token") == "of crm"
    assert "secrets/" in (project.root / ".gitignore").read_text()


def test_without_the_key_nothing_is_kept(tmp_path: Path) -> None:
    project = open_project(Shop.founded(tmp_path / "shop").root)
    assert secrets_of(replace(project, key=None), "crm") is None


@pytest.mark.parametrize("side", ["crm", "erp"])
def test_a_token_that_changes_in_a_rehearsal_is_kept_in_the_project(
    tmp_path: Path, side: str
) -> None:
    """The rehearsal's own folder is thrown away, and its key with it."""
    given: list[Secrets | None] = []

    def connect(_settings: Any, context: ConnectorContext) -> Any:
        given.append(context.secrets)

    project = open_project(Shop.founded(tmp_path / "shop").root)
    config = getattr(project, side)
    config = replace(config, plugin=replace(config.plugin, connect=connect))
    project = replace(project, **{side: config})
    folder = tmp_path / "rehearsal"
    folder.mkdir()
    trial = rehearsal._throwaway(project, folder, lambda: "a1b2c3d4e5")
    context = ConnectorContext(
        connection=side, installation="4k2m9x", clock=lambda: datetime.now(UTC), wanted={}
    )
    tried = getattr(trial, side)
    tried.plugin.connect(tried.settings, context)
    assert given[0] is not None
    given[0].save("token", "newest")
    kept = secrets_of(project, side)
    assert kept is not None
    assert kept.load("token") == "newest"
