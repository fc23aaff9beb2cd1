"""``interlock conflicts`` and ``interlock report overruled`` as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .shop import Shop

TAXES = ("DE136695909", "DE136695917", "DE136695925")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Three customers; both sides have changed the phone of each, the ERP the first's website."""
    shop = Shop.founded(tmp_path_factory.mktemp("shop") / "shop")
    for rule in ("phone", "email"):
        file = shop.root / "ownership.yaml"
        lines = [
            f"    {rule}: {{owner: shared, conflict: manual, first_link: crm}}"
            if line.strip().startswith(f"{rule}:")
            else line
            for line in file.read_text().splitlines()
        ]
        file.write_text("\n".join(lines) + "\n")
    with shop.crm() as crm, shop.erp() as erp:
        for n, tax in enumerate(TAXES):
            crm.add("customer", {"Name": f"Acme {n}", "VatNumber": tax, "Phone": "1",
                                 "Website": f"acme{n}.com"})  # fmt: skip
            erp.add("customer", {"name": f"Acme {n}", "vat_no": tax, "tel": "1",
                                 "web": f"acme{n}.com"})  # fmt: skip
    shop.go()
    with shop.crm() as crm, shop.erp() as erp:
        for n, record_id in enumerate(sorted(crm.all("customer"))):
            crm.edit("customer", record_id, {"Phone": f"2{n}"})
        for n, record_id in enumerate(sorted(erp.all("customer"))):
            erp.edit("customer", record_id, {"tel": f"3{n}"})
        erp.edit("customer", min(erp.all("customer")), {"web": "acme.org"})
    assert shop.do("sync", "--once").code == 3
    return shop


@pytest.fixture
def shop(begun: Shop, tmp_path: Path) -> Shop:
    return begun.copied(tmp_path / "shop")


def phones(shop: Shop) -> list[tuple[str, str]]:
    with shop.crm() as crm, shop.erp() as erp:
        return list(
            zip(
                sorted(str(c["Phone"]) for c in crm.all("customer").values()),
                sorted(str(c["tel"]) for c in erp.all("customer").values()),
                strict=True,
            )
        )


def ids(shop: Shop) -> list[str]:
    return [c["id"] for c in shop.do("conflicts", "list", "--json").json["conflicts"]]


def test_they_are_listed_with_both_values(shop: Shop) -> None:
    out = shop.do("conflicts", "list").flat
    assert "phone of customer Acme 0 (conflict)" in out
    assert "crm 20" in out
    assert "erp 30" in out
    document = shop.do("conflicts", "list", "--field", "phone", "--json").json
    assert document["count"] == 3
    assert document["conflicts"][0]["values"] == {"crm": "20", "erp": "30"}
    assert "There are no conflicts" in shop.do("conflicts", "list", "--kind", "flagged").out


def test_one_is_shown_with_what_helps_to_decide(shop: Shop) -> None:
    out = shop.do("conflicts", "show", ids(shop)[0]).flat
    for part in ("a person decides", "shows 20", "shows 30", "agreed on before 1", "--crm",
                 "--keep", "record changed", "opened"):  # fmt: skip
        assert part in out
    story = shop.do("conflicts", "show", ids(shop)[0], "--json").json
    assert story["answers"] == {"crm": "", "erp": "", "value": "", "keep": ""}


def test_one_is_decided_and_the_next_sync_does_it(shop: Shop) -> None:
    first = ids(shop)[0]
    done = shop.do("conflicts", "resolve", first, "--erp", "--by", "Kim", "--reason", "asked")
    assert done.code == 0
    assert "1 conflict decided" in done.out
    assert "is written at the next sync" in shop.do("conflicts", "list").out
    shop.do("sync", "--once")
    assert first not in ids(shop)
    with shop.crm() as crm:
        record = min(crm.all("customer"))
        assert crm.all("customer")[record]["Phone"] == "30"
    story = shop.do("explain", "customer", record, "phone").flat
    assert "decided by Kim: asked" in story


def test_a_typed_value_goes_to_both(shop: Shop) -> None:
    shop.do("conflicts", "resolve", ids(shop)[0], "--value", "+49 30 1")
    shop.do("sync", "--once")
    assert ("+49 30 1", "+49 30 1") in phones(shop)


def test_what_moved_meanwhile_is_asked_again(shop: Shop) -> None:
    first = ids(shop)[0]
    shop.do("conflicts", "resolve", first, "--crm", "--by", "Kim")
    with shop.erp() as erp:
        erp.edit("customer", min(erp.all("customer")), {"tel": "99"})
    assert shop.do("sync", "--once").code == 3
    out = shop.do("conflicts", "show", first).flat
    assert "decided by Kim, but the ERP shows another value since; decide again" in out
    assert "--crm by Kim" in out
    assert "not applied" in out


def test_many_are_decided_after_a_look(shop: Shop) -> None:
    every = ("conflicts", "resolve", "--all", "--entity", "customer", "--field", "phone", "--crm")
    asked = shop.do(*every)
    assert asked.code == 2
    assert "nobody to ask" in asked.err
    dry = shop.do(*every, "--dry-run")
    assert "3 conflicts would be decided so" in dry.out
    assert len(ids(shop)) == 3
    done = shop.do(*every, "--yes", "--json").json
    assert len(done["conflicts"]) == 3
    shop.do("sync", "--once")
    assert phones(shop) == [("20", "20"), ("21", "21"), ("22", "22")]
    assert ids(shop) == []


def test_one_may_be_left_different(shop: Shop) -> None:
    first = ids(shop)[0]
    shop.do("conflicts", "resolve", first, "--keep")
    shop.do("sync", "--once", "--full")
    assert first not in ids(shop)
    kept = shop.do("conflicts", "list", "--kept", "--json").json
    assert [c["id"] for c in kept["conflicts"]] == [first]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("resolve", "FIRST"), "say whose value"),
        (("resolve", "FIRST", "--crm", "--erp"), "say whose value"),
        (("resolve", "--crm"), "say which"),
        (("resolve", "FIRST", "--all", "--crm"), "say which"),
        (("resolve", "FIRST", "--field", "phone", "--crm"), "filters go with --all"),
        (("resolve", "FIRST", "--value", "a", "--value", "b"), "has one value"),
        (("resolve", "FIRST", "--value", ""), "may_blank"),
        (("resolve", "FIRST", "--crm", "--seen", "0000"), "look again"),
        (("resolve", "1:nothing", "--crm"), "is not open"),
        (("resolve", "phone", "--crm"), "LINK:FIELD"),
        (("show", "99:phone"), "is not open"),
        (("list", "--entity", "custommer"), "did you mean 'customer'"),
        (("list", "--field", "fone"), "did you mean 'phone'"),
        (("list", "--kind", "bad"), "no kind of conflict"),
    ],
)
def test_wrong_use_changes_nothing(begun: Shop, arguments: tuple[str, ...], says: str) -> None:
    before = begun.do("conflicts", "list", "--json").out
    first = ids(begun)[0]
    result = begun.do("conflicts", *(first if a == "FIRST" else a for a in arguments))
    assert result.code == 2
    assert says in result.flat
    assert begun.do("conflicts", "list", "--json").out == before


def test_edits_that_gave_way_are_reported(begun: Shop) -> None:
    out = begun.do("report", "overruled").flat
    assert "customer website: edited in erp, owned by crm" in out
    assert "1 edit on 1 record" in out
    assert "Acme 0" in out
    (one,) = begun.do("report", "overruled", "--since", "2h", "--json").json["fields"]
    assert (one["field"], one["system"], one["count"]) == ("website", "erp", 1)
    assert "nobody edited" in begun.do("report", "overruled", "--entity", "contact").out
    for wrong in ("soon", "99999999999d"):
        assert begun.do("report", "overruled", "--since", wrong).code == 2
