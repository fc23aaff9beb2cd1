"""Settings of a Salesforce connection."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

__all__ = ["SalesforceSettings"]


class SalesforceSettings(BaseModel):
    """Where the org is and how Interlock signs in: with a client secret or a signed assertion.

    ``commit_delay``: how late a change may appear with an earlier stamp; Salesforce does not say.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="the org's My Domain: https://acme.my.salesforce.com")
    client_id: str = Field(description="consumer key of the external client app")
    client_secret: SecretStr | None = Field(None, description="its consumer secret")
    username: str | None = Field(None, description="integration user, to sign in by assertion")
    private_key: SecretStr | None = Field(None, description="private key, PEM, of its certificate")
    audience: str = Field("https://login.salesforce.com", description="`aud` of the assertion")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = Field(
        description="the org's currency, ISO 4217"
    )
    api_version: Annotated[str, Field(pattern=r"^\d{2}\.0$")] = Field(
        "67.0", description="version of the API"
    )
    page_size: Annotated[int, Field(ge=1, le=2000)] = Field(2000, description="rows per query")
    commit_delay: Annotated[int, Field(ge=0)] = Field(
        300, description="seconds a change may appear late"
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        120.0, description="seconds to wait for an answer"
    )

    @property
    def settle_time(self) -> timedelta:
        """Longest time a request may still take effect; Salesforce ends one after ten minutes."""
        return timedelta(minutes=10)

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        url = url.strip().rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise ValueError("write it as https://acme.my.salesforce.com")
        return url

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        by_key = self.username is not None and self.private_key is not None
        if by_key == (self.client_secret is not None):
            raise ValueError("give either client_secret, or username and private_key")
        return self
