"""Many records changing at once, and a changed map: nothing goes out that nobody looked at."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.integration.company import Company


def _customers(company: Company, count: int) -> list[str]:
    return [
        company.crm.add(
            "customer",
            {"Name": f"Kestrel {n:02d} Ltd", "Website": f"https://kestrel{n:02d}.example"},
        )
        for n in range(count)
    ]


async def test_many_blanks_at_once_wait_for_an_approval(tmp_path: Path) -> None:
    company = Company(tmp_path)
    accounts = _customers(company, 30)
    await company.go()
    for account in accounts:
        company.crm.edit("customer", account, {"Website": None})

    report = await company.sync()

    webs = [row["web"] for row in company.erp.all("customer").values()]
    assert None not in webs
    assert any(problem.code == "limit" for problem in report.problems)
    await company.go()
    assert {row["web"] for row in company.erp.all("customer").values()} == {None}


async def test_a_few_blanks_go_out(tmp_path: Path) -> None:
    company = Company(tmp_path)
    accounts = _customers(company, 30)
    await company.go()
    for account in accounts[:5]:
        company.crm.edit("customer", account, {"Website": None})

    await company.sync()

    webs = [row["web"] for row in company.erp.all("customer").values()]
    assert webs.count(None) == 5


async def test_a_field_made_local_is_not_sent_from_an_old_plan(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.crm.add("customer", {"Name": "Kestrel Ltd", "Phone": "+1 555 0100"})
    await company.plan()
    company.write("ownership.yaml", {"phone: {owner: shared": "    phone: {owner: local}"})
    await company.plan()
    company.approve()

    await company.sync()

    (customer,) = company.erp.all("customer").values()
    assert customer["tel"] is None


async def test_a_change_feed_is_checked_by_a_full_read_once_a_day(tmp_path: Path) -> None:
    company = Company(tmp_path)
    _customers(company, 2)
    await company.go()
    listed = company.erp.calls["listed"]
    await company.sync()
    assert company.erp.calls["listed"] == listed

    company.offset += timedelta(hours=25)
    await company.sync()

    assert company.erp.calls["listed"] > listed
