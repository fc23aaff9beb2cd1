"""Settings of a Tryton connection."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from interlock.model import ContactRole

__all__ = ["TrytonSettings"]


class TrytonSettings(BaseModel):
    """How to reach a Tryton database and how its customers, contacts and orders are told apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="address of the server, without the database: https://erp.example")
    database: str = Field(min_length=1, description="name of the database")
    login: str = Field(min_length=1, description="login of the user made for Interlock")
    password: SecretStr = Field(description="password of that user")
    language: str = Field(
        "en",
        description="language of the names of payment terms, categories and relation types",
    )
    customer_category: str | None = Field(
        "Customer",
        description="party category of customers; null takes every party but the companies of the "
        "database and contact persons",
    )
    contacts: bool = Field(
        True, description="sync contact persons (needs the module party_relationship)"
    )
    contact_relations: dict[ContactRole, str] = Field(
        default_factory=lambda: {
            ContactRole.OTHER: "Contact of",
            ContactRole.PRIMARY: "Primary contact of",
            ContactRole.BILLING: "Billing contact of",
        },
        description="relation type from a person to the customer, for each role",
    )
    projects: bool = Field(
        False, description="make projects of deals and follow them (needs the module project)"
    )
    other_prefix: str | None = Field(
        None,
        pattern=r"^\S+$",
        description="what stands before the other system's id in an identifier; by default the "
        "other connection's name and a colon",
    )
    regions: Literal["off", "code", "name"] = Field(
        "off",
        description="sync states and provinces, by the code (NY) or the name (New York) that "
        "Tryton has for them; off leaves them alone",
    )
    tax_types: dict[str, str] = Field(
        default_factory=dict,
        description="country code -> identifier type for its tax ids, where the usual one is not "
        "wanted, such as US: us_tin",
    )
    warehouses: tuple[str, ...] | None = Field(
        None, description="names of the warehouses whose stock is sold; null counts all of them"
    )
    order_key_field: str = Field(
        "description",
        pattern=r"^[a-z]\w*$",
        description="text field of sales that holds our reference and the deal's id",
    )
    accept_warnings: tuple[str, ...] = Field(
        (),
        description="ends of names of Tryton's warnings that may be accepted unseen when an order "
        "is confirmed, such as .credit_limit_amount",
    )
    page_size: Annotated[int, Field(ge=1, le=1000)] = 500
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 100
    timeout: Annotated[float, Field(gt=0)] = Field(
        60.0, description="seconds to wait for an answer"
    )
    settle_time: timedelta = Field(
        timedelta(seconds=120),
        description="longest time the server may still work on a call nobody waits for",
    )
    commit_delay: timedelta = Field(
        timedelta(seconds=120), description="longest transaction of the company's own imports"
    )

    @field_validator("url")
    @classmethod
    def _bare_address(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("write it as https://host or http://host:port")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _settles_after_the_timeout(self) -> Self:
        if self.settle_time.total_seconds() <= self.timeout:
            raise ValueError(
                "settle_time must be longer than timeout: the server works on when nobody waits"
            )
        return self

    @field_validator("contact_relations")
    @classmethod
    def _with_default_role(cls, relations: dict[ContactRole, str]) -> dict[ContactRole, str]:
        if ContactRole.OTHER not in relations:
            raise ValueError(
                "the role 'other' needs a relation type: it is used when none is given"
            )
        if len(set(relations.values())) < len(relations):
            raise ValueError("two roles have the same relation type and could not be told apart")
        return relations
