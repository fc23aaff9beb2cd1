"""Settings of a BottleCRM connection."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["BottleCrmSettings"]


class BottleCrmSettings(BaseModel):
    """Where the BottleCRM API is and which personal access token opens it.

    ``url`` may be given with or without ``/api``.  ``concurrency``: a read by id costs BottleCRM
    about 80 ms of its own processor time.  Pages overlap by a row, so a page has at least two.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="address of the API server: https://api.crm.example")
    token: SecretStr = Field(description="personal access token of an administrator")
    page_size: Annotated[int, Field(ge=2, le=1000)] = Field(
        200, description="rows per page of a sweep"
    )
    concurrency: Annotated[int, Field(ge=1, le=32)] = Field(4, description="requests at once")
    timeout: Annotated[float, Field(gt=0)] = Field(
        60.0, description="seconds to wait for an answer"
    )

    @property
    def settle_time(self) -> timedelta:
        """Longest time a request may still take effect; the server gives up after 30 s itself."""
        return timedelta(seconds=max(60.0, self.timeout + 30.0))

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
