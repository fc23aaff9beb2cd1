"""A deterministic simulator: one seed is one history, and always the same one.

A memory CRM and a memory ERP stand on one virtual clock, the real engine on top of them, and a
store in memory.  People edit both sides, calls and the store misbehave; when that stops and the
engine has come to rest, its contract is checked.

Run ``python -m interlock.testing.simulator --seeds 0:1000``.
"""

from __future__ import annotations

from interlock.testing.simulator.run import Result, simulate

__all__ = ["Result", "simulate"]
