"""A customer of either system as matching looks at it."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.matching.table import Company
from interlock.model import Address, Value

__all__ = ["company_of"]


def company_of(record_id: str, fields: Mapping[str, Value | None], *, billing: bool) -> Company:
    """What matching looks at in a customer; unknown and blank fields alike are missing.

    ``billing``: its system shows billing addresses.  One that is not shown then is not blank: the
    shipping address does not stand in for it, or two records would be told apart by a right.
    """
    address = fields.get("billing_address")
    if not isinstance(address, Address) and ("billing_address" in fields or not billing):
        address = fields.get("shipping_address")
    place = address if isinstance(address, Address) else Address()

    def text(name: str) -> str:
        value = fields.get(name)
        return value if isinstance(value, str) else ""

    return Company(
        id=record_id,
        name=text("name"),
        website=text("website") or text("email"),
        street=place.street or "",
        city=place.city or "",
        region=place.region or "",
        postcode=place.postcode or "",
        country=place.country or "",
        phone=text("phone"),
        tax_id=text("tax_id"),
    )
