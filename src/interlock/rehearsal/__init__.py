"""Rehearsal on systems in memory: real deals, or made ones, without touching any system."""

from interlock.rehearsal.made import made_deals
from interlock.rehearsal.memory import rehearse_in_memory

__all__ = ["made_deals", "rehearse_in_memory"]
