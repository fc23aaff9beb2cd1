"""All programs whose headers are known."""

from __future__ import annotations

from interlock.exports import hubspot, netsuite, plain, quickbooks, salesforce
from interlock.exports.headers import Headers

__all__ = ["PROGRAMS"]

PROGRAMS: tuple[Headers, ...] = (
    plain.HEADERS,
    salesforce.HEADERS,
    hubspot.HEADERS,
    netsuite.HEADERS,
    quickbooks.HEADERS,
)
"""The plain words come first: where a program explains no more columns, none is named."""
