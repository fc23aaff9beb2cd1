"""Skips for what a machine may lack; in CI (INTERLOCK_REQUIRE_REAL) they are failures."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip(reason: str) -> NoReturn:
    """Skip the test for a reason, or fail where nothing may be missing."""
    if os.environ.get("INTERLOCK_REQUIRE_REAL"):
        pytest.fail(f"nothing may be skipped here, but {reason}")
    pytest.skip(reason)
