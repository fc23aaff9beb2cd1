"""Settings of a QuickBooks connection."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["QuickBooksSettings"]

_URLS = {
    "production": "https://quickbooks.api.intuit.com",
    "sandbox": "https://sandbox-quickbooks.api.intuit.com",
}
_SIGN_IN = "https://oauth.platform.intuit.com"


class QuickBooksSettings(BaseModel):
    """Which company it is, and the app that was connected to it.

    ``refresh_token``: the one the connect page gave; those that follow are kept by Interlock.
    ``order_as``: what a won deal becomes, as there are no sales orders.
    ``commit_delay``: how late a change may appear with an earlier stamp; Intuit does not say.
    ``tax_code``: written on every line; without it QuickBooks works taxes out (US companies).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    realm_id: Annotated[str, Field(pattern=r"^\d+$")] = Field(description="the company's id")
    client_id: str = Field(description="client id of the app")
    client_secret: SecretStr = Field(description="client secret of the app")
    refresh_token: SecretStr = Field(description="refresh token from connecting the company")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = Field(
        description="the company's home currency, ISO 4217"
    )
    environment: Literal["production", "sandbox"] = Field(
        "production", description="production or sandbox"
    )
    url: str | None = Field(None, description="another address of the API: that of a twin")
    webhook_token: SecretStr | None = Field(None, description="verifier token of the webhooks")
    order_as: Literal["estimate", "invoice"] = Field(
        "estimate", description="what a won deal becomes"
    )
    tax_code: str | None = Field(None, description="tax code of lines, outside the US")
    named_fields: bool = Field(True, description="ask for fields by name, never for all")
    page_size: Annotated[int, Field(ge=1, le=1000)] = Field(1000, description="rows per query")
    commit_delay: Annotated[int, Field(ge=0)] = Field(
        300, description="seconds a change may appear late"
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        130.0, description="seconds to wait for an answer"
    )

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return self.url or _URLS[self.environment]

    @property
    def sign_in_url(self) -> str:
        """Where tokens are given out."""
        return self.url or _SIGN_IN

    @property
    def settle_time(self) -> timedelta:
        """Longest time a request may still take effect; Intuit ends one after two minutes."""
        return timedelta(minutes=3)

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        url = url.strip().rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise ValueError("write it as https://host[:port]")
        return url
