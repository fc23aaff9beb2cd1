"""Dead letters by the command: list, show, edit, retry, discard."""

from __future__ import annotations

import pytest

from .shop import Shop, ran


@pytest.fixture
def letters(shop: Shop) -> Shop:
    """Two contacts without a name, which the ERP refuses."""
    with shop.crm() as crm:
        for mail in ("one@acme.example", "two@acme.example"):
            crm.add(
                "contact",
                {
                    "AccountId": "001-0000001",
                    "PersonName": {"FirstName": "", "LastName": ""},
                    "Email": mail,
                },
            )
    result = shop.do("sync", "--once")
    assert result.code == 3
    assert "2 dead letters: could not be done" in result.out
    return shop


def test_they_are_listed_with_reason_and_fix(letters: Shop) -> None:
    out = letters.do("dead-letters", "list").flat
    assert "create contact in erp: from crm contact 003-0000002 (required)" in out
    assert "full_name must be filled" in out
    assert "-> fill the field in the system that owns it" in out
    document = letters.do("dead-letters", "list", "--json").json
    assert document["count"] == 2
    assert {x["state"] for x in document["dead_letters"]} == {"open"}
    one = letters.do("dead-letters", "show", 1, "--json").json
    assert one["fields"]["email"] == "one@acme.example"
    assert "email one@acme.example" in letters.do("dead-letters", "show", 1).flat


def test_an_edited_one_goes_out_with_the_new_value_and_its_author(letters: Shop) -> None:
    edited = letters.do(
        "dead-letters", "edit", 1, "name=Ann Other", "--reason", "asked her", "--by", "Kim"
    )
    assert edited.code == 0
    assert "these values go out at the next sync" in edited.out
    assert "is tried again at the next sync" in letters.do("dead-letters", "list").out
    assert letters.do("sync", "--once").code == 3, "the other one is still there"
    with letters.erp() as erp:
        assert "Ann Other" in {p["full_name"] for p in erp.all("contact").values()}
    left = letters.do("dead-letters", "list", "--json").json["dead_letters"]
    assert [x["id"] for x in left] == [2]
    story = letters.do("explain", "contact", "003-0000002", "name").flat
    assert "set by Kim: asked her" in story
    closed = letters.do("dead-letters", "list", "--closed", "--json").json["dead_letters"]
    assert [(x["id"], x["closed_why"]) for x in closed] == [(1, "done")]


def test_a_corrected_source_closes_it_by_itself(letters: Shop) -> None:
    with letters.crm() as crm:
        crm.edit("contact", "003-0000002", {"PersonName": {"FirstName": "A", "LastName": "B"}})
    letters.do("sync", "--once")
    left = letters.do("dead-letters", "list", "--json").json["dead_letters"]
    assert [x["source"] for x in left] == ["003-0000003"]


def test_a_retried_one_comes_back_under_its_number_if_nothing_has_changed(letters: Shop) -> None:
    result = letters.do("dead-letters", "retry", 1)
    assert result.code == 0
    assert letters.do("dead-letters", "show", 1, "--json").json["state"] == "retry"
    assert letters.do("sync", "--once").code == 3
    found = letters.do("dead-letters", "list", "--json").json["dead_letters"]
    assert [(x["id"], x["state"]) for x in found] == [(1, "open"), (2, "open")]


def test_all_can_be_retried_at_once(letters: Shop) -> None:
    assert letters.do("dead-letters", "retry", "--all", "--json").json["ids"] == [1, 2]
    assert letters.do("dead-letters", "retry").code == 2
    assert letters.do("dead-letters", "retry", 1, "--all").code == 2
    some = letters.do("dead-letters", "retry", 1, 7)
    assert some.code == 2
    assert "not open: 7" in some.err


def test_a_discarded_one_stays_away_until_the_record_changes(letters: Shop) -> None:
    result = letters.do("dead-letters", "discard", 1, 2, "--reason", "left the company")
    assert result.code == 0
    for _ in range(2):
        assert letters.do("sync", "--once", "--full").code == 0
    assert "There are no dead letters." in letters.do("dead-letters", "list").out
    assert "left the company" in letters.do("explain", "contact", "003-0000002").out
    with letters.crm() as crm:
        crm.edit("contact", "003-0000002", {"Email": "new@acme.example"})
    assert letters.do("sync", "--once").code == 3, "it is refused anew"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("edit", 1, "name=X"), "--reason"),
        (("edit", 1, "nam=X", "--reason", "r"), "did you mean 'name'"),
        (("edit", 1, "name", "--reason", "r"), "not FIELD=VALUE"),
        (("edit", 1, "name=X", "--reason", " "), "reason is empty"),
        (("edit", 9, "name=X", "--reason", "r"), "no dead letter 9"),
        (("edit", 1, "customer=3", "--reason", "r"), "cannot be set here"),
        (("discard", 1), "--reason"),
        (("show", 9), "no dead letter 9"),
    ],
)
def test_wrong_use_changes_nothing(letters: Shop, arguments: tuple[object, ...], says: str) -> None:
    before = letters.do("dead-letters", "list", "--json").out
    result = letters.do("dead-letters", *arguments)
    assert result.code == 2
    assert says in result.flat
    assert letters.do("dead-letters", "list", "--json").out == before


def test_they_are_decided_by_filter(letters: Shop) -> None:
    listed = letters.do("dead-letters", "list", "--cause", "missing", "--json").json
    assert [x["cause_class"] for x in listed["dead_letters"]] == ["missing", "missing"]
    assert letters.do("dead-letters", "list", "--cause", "invalid", "--json").json["count"] == 0
    assert letters.do("dead-letters", "list", "--older-than", "1h", "--json").json["count"] == 0
    some = letters.do("dead-letters", "retry", "--side", "erp", "--entity", "contact", "--json")
    assert some.json["ids"] == [1, 2]


def test_many_are_edited_after_a_look(letters: Shop) -> None:
    edit = ("dead-letters", "edit", "name=Ann Other", "--cause", "missing", "--reason", "all hers")
    assert letters.do(*edit).code == 2
    assert "2 dead letters fit" in letters.do(*edit, "--dry-run").out
    assert letters.do(*edit, "--yes", "--json").json["ids"] == [1, 2]
    assert letters.do("sync", "--once").code == 0
    with letters.erp() as erp:
        names = [p["full_name"] for p in erp.all("contact").values()]
    assert names.count("Ann Other") == 2


def test_many_are_given_up_after_a_look(letters: Shop) -> None:
    discard = ("dead-letters", "discard", "--all", "--reason", "old")
    assert "nobody to ask" in letters.do(*discard).err
    assert letters.do(*discard, "--dry-run", "--json").json["ids"] == [1, 2]
    assert letters.do("dead-letters", "list", "--json").json["count"] == 2
    assert letters.do(*discard, "--yes").code == 0
    assert letters.do("sync", "--once", "--full").code == 0


def test_the_classes_of_causes_are_told() -> None:
    out = ran("dead-letters", "causes").flat
    assert "missing a field that the system insists on is empty" in out
    found = ran("dead-letters", "causes", "--json").json
    assert {"cause", "why", "fix", "codes"} == set(found[0])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("edit", "name=X", "--reason", "r"), "say which"),
        (("edit", 1, "--reason", "r"), "no value is given"),
        (("edit", "x", "name=X", "--reason", "r"), "not the number"),
        (("edit", 1, "name=X", "--cause", "missing", "--reason", "r"), "say which"),
        (("discard", "--reason", "r"), "say which"),
        (("discard", 1, "--cause", "missing", "--reason", "r"), "say which"),
        (("retry", "--older-than", "soon"), "older-than"),
        (("list", "--side", "erb"), "did you mean 'erp'"),
        (("list", "--closed", "--side", "erp"), "filters are for open ones"),
    ],
)
def test_wrong_filters_change_nothing(
    letters: Shop, arguments: tuple[object, ...], says: str
) -> None:
    before = letters.do("dead-letters", "list", "--json").out
    result = letters.do("dead-letters", *arguments)
    assert result.code == 2
    assert says in result.flat
    assert letters.do("dead-letters", "list", "--json").out == before
