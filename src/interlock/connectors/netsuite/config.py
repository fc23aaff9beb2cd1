"""Settings of a NetSuite connection."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

__all__ = ["NetSuiteSettings"]

_BY_CERTIFICATE = ("client_id", "certificate_id", "private_key")
_BY_TOKEN = ("consumer_key", "consumer_secret", "token_id", "token_secret")
_LONGEST = timedelta(minutes=15)
"""NetSuite ends a request after this long."""

ScriptId = Annotated[str, Field(pattern=r"^cust(entity|body|col)\w+$")]


class NetSuiteSettings(BaseModel):
    """Which account it is and how Interlock signs in: by certificate (OAuth 2) or token (TBA)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str = Field(
        pattern=r"^\w+$", description="account id as NetSuite shows it: 1234567, 1234567_SB1"
    )
    url: str | None = Field(
        None, pattern=r"^https?://", description="address of its REST services; made of the account"
    )
    client_id: str | None = Field(None, description="client id of the integration record")
    certificate_id: str | None = Field(None, description="id of the mapped certificate")
    private_key: SecretStr | None = Field(None, description="its private key, PEM")
    consumer_key: str | None = Field(None, description="token-based: consumer key")
    consumer_secret: SecretStr | None = Field(None, description="token-based: consumer secret")
    token_id: str | None = Field(None, description="token-based: token id")
    token_secret: SecretStr | None = Field(None, description="token-based: token secret")

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = Field(
        description="base currency of the subsidiary, ISO 4217"
    )
    subsidiary: Annotated[str, Field(pattern=r"^\d+$")] | None = Field(
        None, description="internal id of the subsidiary; needed in a OneWorld account"
    )
    customer_id_field: ScriptId = Field(
        "custentity_interlock_id", description="custom entity field for the other system's id"
    )
    order_id_field: ScriptId = Field(
        "custbody_interlock_id", description="custom body field for the other system's id"
    )
    line_key_field: ScriptId = Field(
        "custcol_interlock_key", description="custom line field for the key of a line"
    )
    tax_id_field: Annotated[str, Field(pattern=r"^\w+$")] = Field(
        "vatRegNumber", description="customer's field that holds the tax id"
    )
    custom_price: str = Field(
        "-1", description="id of the price level that leaves a line's price alone; empty: not sent"
    )
    price_level: str = Field("Base Price", description="price level of list prices")
    locations: tuple[str, ...] | None = Field(
        None, description="names of the locations whose stock is sold; null counts all of them"
    )
    auto_hold: Literal["over_limit", "never"] = Field(
        "over_limit", description="what holds a customer whose credit hold is Auto"
    )
    hold_after_days: Annotated[int, Field(ge=0)] | None = Field(
        None, description="days overdue that hold a customer whose credit hold is Auto"
    )
    deletions: bool = Field(True, description="read the log of deleted records")
    page_size: Annotated[int, Field(ge=1, le=1000)] = Field(1000, description="rows per query")
    slots: Annotated[int, Field(ge=1, le=50)] = Field(
        4, description="calls under way at once; the account's slots are shared with others"
    )
    commit_delay: Annotated[int, Field(ge=0)] = Field(
        300, description="seconds a change may appear late"
    )
    read_lag: Annotated[int, Field(ge=0)] = Field(
        0, description="seconds a query may lag behind what was written"
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        120.0, description="seconds to wait for an answer"
    )

    @property
    def address(self) -> str:
        """Where the account's REST services are."""
        slug = self.account.lower().replace("_", "-")
        return (self.url or f"https://{slug}.suitetalk.api.netsuite.com").rstrip("/")

    @property
    def realm(self) -> str:
        """The account id as a signature names it."""
        return self.account.upper().replace("-", "_")

    @property
    def settle_time(self) -> timedelta:
        """Longest time a request may still take effect, and be missing from a query."""
        return _LONGEST + timedelta(seconds=self.read_lag)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = [
            all(getattr(self, name) is not None for name in names)
            for names in (_BY_CERTIFICATE, _BY_TOKEN)
        ]
        begun = [
            any(getattr(self, name) is not None for name in names)
            for names in (_BY_CERTIFICATE, _BY_TOKEN)
        ]
        if sum(ways) != 1 or sum(begun) != 1:
            raise ValueError(
                "give either client_id, certificate_id and private_key, or consumer_key, "
                "consumer_secret, token_id and token_secret"
            )
        return self
