"""A small project folder and two connectors for it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from interlock.connectors.base import Connector, ConnectorContext, Kind, Plugin
from interlock.errors import ConfigurationError


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user: str
    password: SecretStr


class CrmSettings(BaseModel):
    """Settings with a secret, a nested part and a validator that quotes its input."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(description="Address of the CRM, such as https://crm.example.com")
    token: SecretStr
    page_size: int = Field(default=100, ge=1)
    rate: float = 1.0
    login: Login | None = None

    @field_validator("url")
    @classmethod
    def _has_scheme(cls, url: str) -> str:
        if not url.startswith("https://"):
            raise ValueError(f"{url} is no address")
        return url


class ErpSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    database: str = "demo"


def _connect(settings: BaseModel, context: ConnectorContext) -> Connector:
    raise NotImplementedError


CRM = Plugin(
    name="somecrm", title="Some CRM", kind=Kind.CRM, settings=CrmSettings, connect=_connect
)
ERP = Plugin(
    name="someerp", title="Some ERP", kind=Kind.ERP, settings=ErpSettings, connect=_connect
)


def find_plugin(name: str) -> Plugin:
    for plugin in (CRM, ERP):
        if plugin.name == name:
            return plugin
    raise ConfigurationError(
        f"there is no connector {name!r}", fix="installed are: somecrm, someerp"
    )


CONFIG = """\
schema_version: 1
installation: k4m2x9
go_live: 2026-11-23T09:00:00+01:00
store: sqlite:///interlock.db
crm:
  name: front
  connector: somecrm
  settings:
    url: https://crm.example.com
    token: ${CRM_TOKEN}
erp:
  name: back
  connector: someerp
orders: {quiet_time: 90s, price_tolerance: 0.05}
"""

OWNERSHIP = """\
schema_version: 1
customer:
  create: crm
  fields:
    name: {owner: shared, conflict: erp}
boundary:
  never:
    crm: [notes]
    erp: [cost_price]
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], None]:
    """Write a file of the project."""

    def put(name: str, text: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text, encoding="utf-8")

    put("interlock.yaml", CONFIG)
    put("ownership.yaml", OWNERSHIP)
    put(".env", "CRM_TOKEN=tok-12345\n")
    return put
