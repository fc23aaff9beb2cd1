"""Where things are, version by version: dates in new paths, numbers in the older ones."""

from __future__ import annotations

__all__ = ["Paths"]


class Paths:
    """The paths of one version of the API."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._numbered = version.startswith("v")

    def objects(self, kind: str, rest: str = "") -> str:
        """Records of a type."""
        if self._numbered:
            return f"/crm/{self._version}/objects/{kind}{rest}"
        return f"/crm/objects/{self._version}/{kind}{rest}"

    def properties(self, kind: str, rest: str = "") -> str:
        """Properties of a type, and their groups."""
        if self._numbered:
            return f"/crm/{self._version}/properties/{kind}{rest}"
        return f"/crm/properties/{self._version}/{kind}{rest}"

    def pipelines(self, kind: str) -> str:
        """Pipelines of a type, with their stages."""
        if self._numbered:
            return f"/crm/{self._version}/pipelines/{kind}"
        return f"/crm/pipelines/{self._version}/{kind}"

    def associations(self, kind: str, to: str, rest: str) -> str:
        """Associations from one type to another; of the older versions the fourth has them."""
        if self._numbered:
            return f"/crm/v4/associations/{kind}/{to}{rest}"
        return f"/crm/associations/{self._version}/{kind}/{to}{rest}"
