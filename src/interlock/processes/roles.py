"""Roles: which CRM user stands for the owner, sales management, customer success and finance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from interlock.model import Fields

__all__ = ["Role", "Roles"]


class Role(StrEnum):
    """Who is told of something."""

    OWNER = "owner"
    SALES_MANAGER = "sales_manager"
    CUSTOMER_SUCCESS = "customer_success"
    FINANCE = "finance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """``stated``: role -> a CRM user, or the name of the customer's field that holds one.

    ``fallback``: the user for whatever resolves to nobody.
    """

    stated: Mapping[Role, str] = field(default_factory=dict)
    fallback: str = ""

    def user(self, role: Role, customer: Fields) -> str:
        """Name the user; without one of its own a role falls to the owner, finance to nobody."""
        stated = self.stated.get(role, "")
        found = customer.get(stated) if stated.startswith(("custom.", "owner")) else stated
        if not found and role is not Role.FINANCE:
            found = customer.get("owner")
        return found if isinstance(found, str) and found else self.fallback
