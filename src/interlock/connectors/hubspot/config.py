"""Settings of a HubSpot connection."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["HubSpotSettings"]


class HubSpotSettings(BaseModel):
    """Where the API is, and the key.

    ``index_lag``: how late a search may show a change; HubSpot says "a few moments".
    ``settle_time``: longest time an unanswered write may still take effect; HubSpot does not say.
    ``webhook_secret``: client secret of the app that sends webhooks; without one there are none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_token: SecretStr = Field(description="service key, or token of a private app")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = Field(
        description="the portal's company currency, ISO 4217"
    )
    url: str = Field("https://api.hubapi.com", description="address of the API")
    api_version: Literal["2026-03", "2026-09", "v3"] = Field(
        "2026-03", description="version of the API"
    )
    page_size: Annotated[int, Field(ge=1, le=200)] = Field(200, description="rows per search")
    searches_a_second: Annotated[int, Field(ge=1)] = Field(5, description="searches in a second")
    index_lag: Annotated[int, Field(ge=0)] = Field(
        900, description="seconds a search may show a change late"
    )
    settle_time: Annotated[int, Field(ge=0)] = Field(
        300, description="seconds an unanswered write may still take effect"
    )
    webhook_secret: SecretStr = Field(SecretStr(""), description="client secret of the app")
    timeout: Annotated[float, Field(gt=0)] = Field(
        60.0, description="seconds to wait for an answer"
    )

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        url = url.strip().rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise ValueError("write it as https://api.hubapi.com")
        return url

    @field_validator("access_token")
    @classmethod
    def _is_given(cls, token: SecretStr) -> SecretStr:
        if not token.get_secret_value().strip():
            raise ValueError("give the service key")
        return token
