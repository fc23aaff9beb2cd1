"""What all twins stand on: storage, faults, quota, clock and the invented company."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from interlock.twins.calls import Call, Route, Router
from interlock.twins.clock import TwinClock
from interlock.twins.company import invent
from interlock.twins.faults import Fault, FaultKind, Faults
from interlock.twins.requestlog import Quota
from interlock.twins.storage import Storage

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def clock() -> TwinClock:
    return TwinClock(START)


@pytest.fixture
def storage(clock: TwinClock) -> Storage:
    return Storage(clock)


class TestStorage:
    def test_a_delayed_row_is_pending_until_its_time(
        self, storage: Storage, clock: TwinClock
    ) -> None:
        storage.put("t", "1", {"v": "old"})
        with storage.delayed(timedelta(seconds=30)):
            storage.put("t", "1", {"v": "new"})
        assert storage.get("t", "1") == {"v": "old"}
        assert storage.is_pending("t", "1")
        clock.advance(timedelta(seconds=30))
        assert storage.get("t", "1") == {"v": "new"}
        assert not storage.is_pending("t", "1")

    def test_commit_makes_pending_rows_visible_now(self, storage: Storage) -> None:
        with storage.delayed(timedelta(hours=1)):
            storage.put("t", "1", {"v": 1})
        assert list(storage.rows("t")) == []
        assert storage.commit() == 1
        assert list(storage.rows("t")) == [{"v": 1}]

    def test_a_reader_that_lags_sees_the_rows_of_then(
        self, storage: Storage, clock: TwinClock
    ) -> None:
        storage.put("t", "1", {"v": "old"})
        clock.advance(timedelta(seconds=10))
        storage.put("t", "1", {"v": "new"})
        storage.put("t", "2", {"v": "other"})
        lagging = clock() - timedelta(seconds=5)
        assert [r["v"] for r in storage.rows("t", as_of=lagging)] == ["old"]

    def test_a_failed_transaction_leaves_nothing(self, storage: Storage) -> None:
        storage.put("t", "1", {"v": "old"})
        with pytest.raises(RuntimeError), storage.transaction():
            storage.put("t", "1", {"v": "new"})
            storage.put("t", "2", {"v": "new"})
            storage.drop("t", "1")
            raise RuntimeError
        assert list(storage.rows("t")) == [{"v": "old"}]

    def test_an_outer_transaction_takes_back_the_inner_one(self, storage: Storage) -> None:
        with pytest.raises(RuntimeError), storage.transaction():
            with storage.transaction():
                storage.put("t", "1", {"v": 1})
            raise RuntimeError
        assert list(storage.rows("t")) == []

    def test_find_uses_the_index_and_forgets_old_values(self, storage: Storage) -> None:
        storage.put("t", "1", {"k": "Ab"})
        storage.index("t", "k")
        storage.put("t", "2", {"k": "ab"})
        storage.put("t", "1", {"k": "other"})
        assert storage.find("t", "k", "AB") == [{"k": "ab"}]

    def test_a_unique_index_sees_what_is_pending(self, storage: Storage) -> None:
        storage.index("t", "k")
        with storage.delayed(timedelta(seconds=5)):
            storage.put("t", "1", {"k": "x"})
        assert storage.find("t", "k", "x") == []
        assert storage.find("t", "k", "x", pending=True) == [{"k": "x"}]


class TestFaults:
    CALL = Call(method="POST", path="/orders", body=b'{"a": 1}')
    OTHER = Call(method="GET", path="/orders")

    def armed(self, **facts: object) -> Faults:
        faults = Faults(frozenset(FaultKind), seed=3)
        faults.arm(Fault(kind=FaultKind.LOST_ANSWER, **facts))  # type: ignore[arg-type]
        return faults

    def test_it_strikes_matching_calls_skipping_some_and_only_so_often(self) -> None:
        faults = self.armed(method="POST", path="ord", body='"a"', skip=1, times=2)
        strikes = [bool(faults.strike(c)) for c in [self.OTHER, *[self.CALL] * 4]]
        assert strikes == [False, False, True, True, False]

    def test_the_rate_is_about_met_and_the_same_for_the_same_seed(self) -> None:
        runs = [[bool(f.strike(self.CALL)) for _ in range(1000)]
                for f in (self.armed(rate=0.2), self.armed(rate=0.2))]  # fmt: skip
        assert runs[0] == runs[1]
        assert 150 < sum(runs[0]) < 250

    def test_clearing_ends_it(self) -> None:
        faults = self.armed()
        faults.clear()
        assert faults.strike(self.CALL) == []

    def test_a_kind_the_vendor_has_not_is_refused_by_name(self) -> None:
        with pytest.raises(ValueError, match="index_lag"):
            Faults(frozenset({FaultKind.SLOW})).arm(Fault(kind=FaultKind.INDEX_LAG))

    @pytest.mark.parametrize("facts", [{"rate": 1.5}, {"rate": -0.1}, {"path": "("}])
    def test_nonsense_is_refused(self, facts: dict[str, object]) -> None:
        with pytest.raises(ValueError, match=r"rate|regular expression"):
            self.armed(**facts)

    def test_lag_and_locks_are_asked_for_by_themselves(self) -> None:
        faults = Faults(frozenset(FaultKind))
        faults.arm(Fault(kind=FaultKind.INDEX_LAG, seconds=7))
        faults.arm(Fault(kind=FaultKind.ROW_LOCKED, times=1))
        assert faults.strike(self.CALL) == []
        assert faults.lag() == 7
        assert [faults.locks_row(), faults.locks_row()] == [True, False]


def test_the_quota_counts_24_hours_and_what_others_use(clock: TwinClock) -> None:
    quota = Quota(clock, limit=10)
    quota.others = 7
    quota.take()
    clock.advance(timedelta(hours=23))
    quota.take()
    assert (quota.used, quota.reached) == (9, False)
    quota.take()
    assert quota.reached
    clock.advance(timedelta(hours=1))
    assert (quota.used, quota.reached) == (9, False)


def test_a_clock_stands_moves_and_runs_again(clock: TwinClock) -> None:
    clock.advance(timedelta(days=-1))
    assert clock() == START - timedelta(days=1)
    clock.run()
    assert abs(clock() - datetime.now(UTC)) < timedelta(minutes=1)
    clock.advance(timedelta(hours=5))
    assert clock() - datetime.now(UTC) > timedelta(hours=4)


def test_a_router_decodes_names_and_forgives_a_slash_at_the_end() -> None:
    router = Router(
        [Route("GET", "/a/{name}/{key}", print), Route("PUT", "/a/{name}/{key}", print)]
    )
    found = router.match("GET", "/a/x%2Fy/1/")
    assert found is not None
    assert found[1] == {"name": "x/y", "key": "1"}
    assert router.match("POST", "/a/x/1") is None
    assert router.methods("/a/x/1") == ["GET", "PUT"]


class TestCompany:
    TODAY = date(2026, 3, 2)

    def test_the_same_seed_makes_the_same_company(self) -> None:
        assert invent(30, self.TODAY, seed=5) == invent(30, self.TODAY, seed=5)
        assert invent(30, self.TODAY, seed=5) != invent(30, self.TODAY, seed=6)

    def test_nobody_is_real_and_no_name_comes_twice(self) -> None:
        company = invent(240, self.TODAY)
        assert len({c.name for c in company.customers}) == 240
        assert all(c.website.endswith(".example") for c in company.customers)
        assert all(p.email.endswith(".example") for c in company.customers for p in c.people)

    def test_won_deals_are_closed_in_the_past_with_lines(self) -> None:
        deals = invent(240, self.TODAY).deals
        assert {d.stage for d in deals} >= {"won", "lost", "new"}
        assert all(d.lines for d in deals)
        assert all(d.closes < self.TODAY for d in deals if d.stage == "won")

    def test_an_empty_company_has_nothing(self) -> None:
        assert invent(0, self.TODAY).customers == ()
