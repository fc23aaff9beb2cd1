"""The verdict on an open deal in a real BottleCRM, checked against a real Tryton."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.crm import Crm
from tests.real.erp import Erp
from tests.real.quoted import Quoted
from tests.real.systems.bottlecrm import BottleCrmServer
from tests.real.systems.tryton import TrytonServer
from tests.real.test_order_to_cash import kept, open_shop

pytestmark = pytest.mark.real


async def test_an_open_deal_shows_what_tryton_says_of_its_prices(
    own_bottlecrm: BottleCrmServer, own_tryton: TrytonServer, tmp_path: Path
) -> None:
    shop = await open_shop(tmp_path / "project", Crm(own_bottlecrm), Erp(own_tryton))
    quoted = Quoted(shop.job, shop.bystander)
    kept(await quoted.quote())
    kept(await quoted.raise_price())
    kept(await quoted.sync_again())
