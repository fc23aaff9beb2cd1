"""SuiteQL on the twin: what it answers, and what it refuses by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from interlock.twins.clock import TwinClock
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.netsuite import NetSuiteTwin, make

from .netsuite_api import Api, code_of


@pytest.fixture
def twin() -> NetSuiteTwin:
    return make(seed="small", clock=TwinClock(datetime(2026, 3, 2, 6, 30, 15, 700_000, UTC)))


@pytest.fixture
def api(twin: NetSuiteTwin) -> Api:
    return Api(twin)


def test_values_are_texts_and_what_is_not_there_is_left_out(api: Api) -> None:
    (row,) = api.rows(
        "SELECT id, companyName, isInactive, email, creditlimit, lastmodifieddate, "
        "BUILTIN.DF(terms) AS terms, terms AS t2 FROM Customer WHERE id = 100"
    )
    assert row["id"] == "100"
    assert (row["isinactive"], row["creditlimit"]) == ("F", "50000")
    assert (row["terms"], row["t2"]) == ("Net 30", "3")
    assert "email" not in row


def test_moments_are_shown_as_days_of_the_accounts_time_zone(api: Api, twin: NetSuiteTwin) -> None:
    asked = (
        "SELECT lastmodifieddate AS day, TO_CHAR(lastmodifieddate, 'YYYY-MM-DD HH24:MI:SS') AS own, "
        'TO_CHAR(SYS_EXTRACT_UTC(lastmodifieddate), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\') AS utc '
        "FROM customer WHERE id = 100"
    )
    (row,) = api.rows(asked)
    assert row == {"day": "3/1/2026", "own": "2026-03-01 22:30:15", "utc": "2026-03-02T06:30:15Z"}
    twin.configure({"time_zone": "Europe/Berlin"})
    assert api.rows(asked)[0]["own"] == "2026-03-02 07:30:15"


def test_comparing_a_stamp_with_utc_without_saying_so_misses_rows(api: Api) -> None:
    since = "TO_TIMESTAMP('2026-03-02 06:00:00', 'YYYY-MM-DD HH24:MI:SS')"
    count = "SELECT COUNT(*) AS n FROM customer WHERE "
    assert api.rows(f"{count}lastmodifieddate >= {since}") == [{"n": "0"}]
    assert api.rows(f"{count}SYS_EXTRACT_UTC(lastmodifieddate) >= {since}") == [{"n": "12"}]


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("id IN (100, '102')", ["100", "102"]),
        ("id NOT IN (100) AND id <= 104 AND id <> 102", ["104"]),
        ("id BETWEEN 101 AND 104", ["102", "104"]),
        ("id NOT BETWEEN 101 AND 9999", ["100"]),
        ("email IS NULL AND id = 100", ["100"]),
        ("NOT (email = 'x') AND id = 100", []),
        ("NVL(email, 'none') = 'none' AND id = 100", ["100"]),
        ("LOWER(companyname) = LOWER(companyname) AND id < 101", ["100"]),
        ("id = 100 OR id = 102 AND id = 5", ["100"]),
        ("isperson = 'F' AND (id = 100 OR id = 102)", ["100", "102"]),
        ("isperson = 'f'", []),
        ("companyname LIKE '% GmbH' AND phone NOT LIKE '+1%' AND id < 103", ["100"]),
    ],
)
def test_conditions(api: Api, condition: str, ids: list[str]) -> None:
    rows = api.rows(f"SELECT id FROM customer WHERE {condition} ORDER BY id")
    assert [row["id"] for row in rows] == ids


def test_joins_keep_or_drop_rows_without_a_partner(api: Api, twin: NetSuiteTwin) -> None:
    alone = twin.insert("customer", {"companyName": "Alone", "subsidiary": "2"})
    asked = (
        "SELECT c.id, a.city FROM customer c {} entityaddressbook b ON b.entity = c.id AND "
        "b.defaultbilling = 'T' {} entityaddress a ON a.nkey = b.addressbookaddress "
        "WHERE c.id >= 100 ORDER BY c.id"
    )
    inner = api.rows(asked.format("INNER JOIN", "INNER JOIN"))
    left = api.rows(asked.format("LEFT JOIN", "LEFT OUTER JOIN"))
    assert len(left) == len(inner) + 1 == 13
    assert {"id": alone} in left
    assert all("city" in row for row in inner)


def test_sold_lines_are_booked_with_the_opposite_sign(api: Api) -> None:
    rows = api.rows(
        "SELECT l.mainline, l.quantity, l.foreignamount, t.foreigntotal FROM transactionline l "
        "INNER JOIN transaction t ON t.id = l.transaction WHERE t.id = 1000 ORDER BY l.id"
    )
    head, first, *_ = rows
    assert head["mainline"] == "T"
    assert float(head["foreignamount"]) == float(head["foreigntotal"]) > 0
    assert float(first["quantity"]) < 0 > float(first["foreignamount"])
    assert sum(float(row["foreignamount"]) for row in rows) == pytest.approx(0)


def test_pages_and_their_limits(api: Api) -> None:
    asked = "SELECT id FROM customer ORDER BY id DESC"
    first = api.query(asked, limit="5", offset="0").body
    last = api.query(asked, limit="5", offset="10").body
    assert (first["hasMore"], first["count"], first["totalResults"]) == (True, 5, 12)
    assert (last["hasMore"], last["count"]) == (False, 2)
    for query in ({"limit": "1001"}, {"limit": "5", "offset": "3"}, {"limit": "x"},
                  {"limit": "1000", "offset": "100000"}):  # fmt: skip
        assert code_of(api.query(asked, **query))[:2] == (400, "INVALID_PARAMETER")


def test_the_header_is_wanted(api: Api) -> None:
    answer = api.call("POST", "/query/v1/suiteql", {"q": "SELECT id FROM customer"})
    assert code_of(answer)[:2] == (400, "INVALID_HEADER")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("SELECT colour FROM customer", "Field 'colour' for record 'customer' was not found"),
        ("SELECT c.colour FROM customer c", "Field 'colour' for record 'customer'"),
        ("SELECT id FROM nowhere", "Record 'nowhere' was not found"),
        ("SELECT * FROM customer", "SELECT *"),
        ("SELECT id FROM customer LIMIT 5", "LIMIT"),
        ("SELECT terms, SUM(creditlimit) FROM customer GROUP BY terms", "SUM"),
        ("SELECT id FROM customer WHERE id IN (SELECT id FROM contact)", "SELECT"),
        ("SELECT id || 'x' FROM customer", "||"),
        ("SELECT id FROM customer UNION SELECT id FROM contact", "UNION"),
        ("SELECT TO_CHAR(lastmodifieddate, 'Day') FROM customer", "date format not recognized"),
        ("SELECT id FROM customer WHERE lastmodifieddate > '2026-01-01'", "a date is compared"),
        ("SELECT id FROM customer WHERE creditlimit = 'x'", "not a number"),
        ("DELETE FROM customer", "unexpected"),
        ("", "unexpected"),
    ],
)
def test_what_it_cannot_do_it_refuses_by_name(api: Api, asked: str, named: str) -> None:
    status, code, detail = code_of(api.query(asked))
    assert (status, code) == (400, "INVALID_PARAMETER")
    assert named in detail


def test_a_thousand_in_a_list_and_no_more(api: Api) -> None:
    def asked(number: int) -> str:
        return f"SELECT id FROM customer WHERE id IN ({', '.join(map(str, range(number)))})"

    assert api.query(asked(1000)).status == 200
    assert api.query(asked(1001)).status == 400


def test_hidden_columns_and_records_are_not_there(api: Api, twin: NetSuiteTwin) -> None:
    twin.configure({"hidden": ["customer.phone", "deletedRecord"]})
    assert "Field 'phone'" in code_of(api.query("SELECT phone FROM customer"))[2]
    assert "Record 'deletedrecord'" in code_of(api.query("SELECT type FROM deletedrecord"))[2]


def test_a_lagging_query_shows_what_was(api: Api, twin: NetSuiteTwin) -> None:
    twin.clock.advance(timedelta(seconds=60))
    twin.faults.arm(Fault(kind=FaultKind.INDEX_LAG, seconds=30))
    twin.update("customer", "100", {"companyName": "Renamed"})
    asked = "SELECT companyname FROM customer WHERE id = 100"
    assert api.rows(asked) != [{"companyname": "Renamed"}]
    assert api.record("GET", "/customer/100").body["companyName"] == "Renamed"
    twin.clock.advance(timedelta(seconds=31))
    assert api.rows(asked) == [{"companyname": "Renamed"}]
