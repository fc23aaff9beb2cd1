"""Settings of a BottleCRM connection."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["BottleCrmSettings"]


class BottleCrmSettings(BaseModel):
    """Where the BottleCRM API is and which personal access token opens it.

    ``url`` is the API's address, without ``/api``.  ``concurrency`` is how many requests run at
    once: BottleCRM answers a read by id with about 80 ms of its own processor time.  Pages overlap
    by a row, so a page has at least two.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    token: SecretStr
    page_size: Annotated[int, Field(ge=2, le=1000)] = 200
    concurrency: Annotated[int, Field(ge=1, le=32)] = 4
    timeout: Annotated[float, Field(gt=0)] = 60.0

    @field_validator("url")
    @classmethod
    def _without_api(cls, url: str) -> str:
        url = url.strip().rstrip("/").removesuffix("/api")
        if not url.startswith(("http://", "https://")):
            raise ValueError("write it as https://host[:port]")
        return url

    @field_validator("token")
    @classmethod
    def _is_personal(cls, token: SecretStr) -> SecretStr:
        # Any other bearer is read as a session and refused with a text about organizations.
        if not token.get_secret_value().startswith("bcrm_pat_"):
            raise ValueError("a personal access token starts with bcrm_pat_")
        return token
