"""Slots: how many calls a system works on at the same time, everybody's together."""

from __future__ import annotations

__all__ = ["Slots"]


class Slots:
    """Places for calls under way; ``others``: those other integrations hold."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.others = 0
        self.used = 0
        self.most = 0
        """The most that were ever held at once, without the others'."""

    def take(self) -> bool:
        """Take a place; ``False`` when all are held."""
        if self.used + self.others >= self.limit:
            return False
        self.used += 1
        self.most = max(self.most, self.used)
        return True

    def free(self) -> None:
        """Give a place back."""
        self.used -= 1
