"""Twins as processes and servers: starting, ending, breaking connections, https, ``/_twin/``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from interlock.twins.authority import certify
from interlock.twins.serving import Running

from .conftest import Inspector

DATA = "/services/data/v67.0"


@pytest.fixture
def client(plain: Running) -> Iterator[Any]:
    """Calls the API as the connected user."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {plain.twin.credentials()['access_token']}"

        def call(method: str, path: str, body: Any = None) -> requests.Response:
            return session.request(method, plain.url + DATA + path, json=body, timeout=10)

        yield call


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A twin started from the command line, with the line it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "interlock", "twin", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


class TestCommand:
    def test_it_prints_one_line_serves_and_ends_cleanly_on_sigterm(self) -> None:
        with started("salesforce", "--seed", "small", "--fault", "lost_answer=0.02") as (
            process,
            line,
        ):
            assert set(line) == {"system", "url", "credentials"}
            assert line["system"] == "salesforce"
            assert {"client_id", "client_secret", "username", "private_key"} <= set(
                line["credentials"]
            )
            with requests.Session() as session:
                session.trust_env = False
                overview = session.get(line["url"] + "/_twin/", timeout=10).json()
                assert overview["tables"]["Account"] == 12
                assert [f["kind"] for f in overview["faults"]] == ["lost_answer"]
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")

    def test_a_port_that_is_taken_is_said(self, plain: Running) -> None:
        port = plain.url.rpartition(":")[2]
        done = self.run("salesforce", "--port", port)
        assert done.returncode == 2
        assert port in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (["nobody"], "salesforce"),
            (["salesforce", "--seed", "huge"], "small"),
            (["salesforce", "--fault", "index_lag=1"], "index_lag"),
            (["salesforce", "--fault", "slow=often"], "often"),
            (["salesforce", "--fault", "slow=7"], "between 0 and 1"),
        ],
    )
    def test_wrong_words_are_refused_with_the_right_ones(
        self, arguments: list[str], word: str
    ) -> None:
        done = self.run(*arguments)
        assert done.returncode == 2
        assert word in done.stderr
        assert "Traceback" not in done.stderr

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "interlock", "twin", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class TestFaults:
    def arm(self, inspector: Inspector, **fault: Any) -> None:
        inspector.ask("POST", "/faults", fault)

    def count(self, inspector: Inspector) -> int:
        return len(inspector.ask("GET", "/rows/Account"))

    def test_a_lost_answer_was_carried_out(self, client: Any, inspector: Inspector) -> None:
        self.arm(inspector, kind="lost_answer", method="POST", times=1)
        with pytest.raises(requests.ConnectionError):
            client("POST", "/sobjects/Account", {"Name": "A"})
        assert self.count(inspector) == 1
        (request,) = inspector.ask("GET", "/requests")
        assert (request["status"], request["faults"]) == (None, ["lost_answer"])
        assert client("POST", "/sobjects/Account", {"Name": "B"}).status_code == 201

    def test_a_lost_request_was_not(self, client: Any, inspector: Inspector) -> None:
        self.arm(inspector, kind="lost_request", times=1)
        with pytest.raises(requests.ConnectionError):
            client("POST", "/sobjects/Account", {"Name": "A"})
        assert self.count(inspector) == 0

    def test_a_late_commit_appears_after_its_time(self, client: Any, inspector: Inspector) -> None:
        self.arm(inspector, kind="late_commit", method="POST", times=1, seconds=60)
        with pytest.raises(requests.ConnectionError):
            client("POST", "/sobjects/Account", {"Name": "A"})
        assert self.count(inspector) == 0
        inspector.ask("POST", "/clock", {"advance": 61})
        assert self.count(inspector) == 1

    def test_a_storm_passes(self, client: Any, inspector: Inspector) -> None:
        self.arm(inspector, kind="unavailable", times=2)
        self.arm(inspector, kind="throttled", skip=2, times=1, status=429, retry_after=3)
        answers = [client("GET", "/limits") for _ in range(4)]
        assert [a.status_code for a in answers] == [503, 503, 429, 200]
        assert answers[2].headers["Retry-After"] == "3"
        assert "Retry-After" not in answers[0].headers

    def test_a_refusal_may_come_as_markup(self, client: Any, inspector: Inspector) -> None:
        self.arm(inspector, kind="unavailable", times=1, html=True)
        answer = client("GET", "/limits")
        assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html")
        assert answer.text.startswith("<html>")

    def test_the_days_calls_run_out_and_come_back(self, client: Any, inspector: Inspector) -> None:
        inspector.ask("POST", "/quota", {"limit": 12, "others": 10})
        answers = [client("GET", "/limits") for _ in range(3)]
        assert [a.status_code for a in answers] == [200, 200, 403]
        assert answers[1].headers["Sforce-Limit-Info"] == "api-usage=12/12"
        assert answers[2].json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
        inspector.ask("POST", "/quota", {"others": 0})
        assert client("GET", "/limits").status_code == 200

    def test_a_slow_answer_is_still_an_answer(self, client: Any, inspector: Inspector) -> None:
        self.arm(inspector, kind="slow", times=1, seconds=0.01)
        assert client("GET", "/limits").status_code == 200
        assert inspector.ask("GET", "/faults")[0]["struck"] == 1

    def test_clearing_ends_them_all(self, client: Any, inspector: Inspector) -> None:
        self.arm(inspector, kind="unavailable")
        assert client("GET", "/limits").status_code == 503
        assert inspector.ask("DELETE", "/faults") == []
        assert client("GET", "/limits").status_code == 200


class TestInspection:
    def test_rows_are_made_changed_found_and_deleted_as_a_user_would(
        self, inspector: Inspector
    ) -> None:
        key = inspector.ask("POST", "/rows/Account", {"Name": "A"})["id"]
        inspector.ask("PATCH", f"/rows/Account/{key}", {"Phone": "7"})
        (row,) = inspector.ask("GET", "/rows/Account?Name=A")
        assert (row["Id"], row["Phone"]) == (key, "7")
        inspector.ask("DELETE", f"/rows/Account/{key}")
        assert inspector.ask("GET", "/rows/Account")[0]["IsDeleted"] is True
        assert inspector.ask("GET", "/calls")["total"] == 0

    def test_a_users_change_may_commit_late(self, inspector: Inspector) -> None:
        inspector.ask("POST", "/rows/Account?commit_in=600", {"Name": "A"})
        assert inspector.ask("GET", "/rows/Account") == []
        assert inspector.ask("POST", "/commit") == {"committed": 1}
        assert len(inspector.ask("GET", "/rows/Account")) == 1

    def test_merging(self, inspector: Inspector) -> None:
        winner, loser = (inspector.ask("POST", "/rows/Account", {"Name": n})["id"] for n in "AB")
        inspector.ask("POST", "/merge/Account", {"winner": winner, "losers": [loser]})
        assert inspector.ask("GET", f"/rows/Account?Id={loser}")[0]["MasterRecordId"] == winner

    def test_calls_are_counted_by_kind_without_ids(self, client: Any, inspector: Inspector) -> None:
        for name in "AB":
            key = client("POST", "/sobjects/Account", {"Name": name}).json()["id"]
            client("GET", f"/sobjects/Account/{key}")
        assert inspector.ask("GET", "/calls") == {
            "total": 4,
            "kinds": {"POST /sobjects/Account": 2, "GET /sobjects/Account/ID": 2},
        }
        inspector.ask("DELETE", "/calls")
        assert inspector.ask("GET", "/calls")["total"] == 0

    def test_no_credential_is_kept_in_the_log(self, plain: Running, inspector: Inspector) -> None:
        known = plain.twin.credentials()
        form = {
            "grant_type": "client_credentials",
            "client_id": known["client_id"],
            "client_secret": known["client_secret"],
        }
        answer = inspector.session.post(plain.url + "/services/oauth2/token", data=form, timeout=10)
        assert answer.status_code == 200
        log = json.dumps(inspector.ask("GET", "/requests"))
        assert not [value for value in known.values() if value in log]
        assert answer.json()["access_token"] not in log

    def test_the_clock_stands_and_runs(self, inspector: Inspector) -> None:
        assert (
            inspector.ask("POST", "/clock", {"stand": "2026-05-01T12:00:00Z"})["now"]
            == "2026-05-01T12:00:00Z"
        )
        assert inspector.ask("GET", "/clock")["now"] == "2026-05-01T12:00:00Z"
        assert not inspector.ask("POST", "/clock", {})["now"].startswith("2026-05-01T12")

    def test_settings_are_shown_and_changed(self, inspector: Inspector) -> None:
        changed = inspector.ask("POST", "/settings", {"quotes": False, "hidden": ["Account.Fax"]})
        assert (changed["quotes"], changed["hidden"]) == (False, ["Account.Fax"])

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("GET", "/nowhere", None, 404),
            ("PUT", "/clock", None, 405),
            ("GET", "/rows/Nothing", None, 400),
            ("POST", "/rows/Account", {"Nope": 1}, 400),
            ("POST", "/rows/Account", [], 400),
            ("PATCH", "/rows/Account/17", {"Name": "x"}, 400),
            ("POST", "/faults", {"kind": "earthquake"}, 400),
            ("POST", "/faults", {"kind": "slow", "often": 1}, 400),
            ("POST", "/faults", {"kind": "index_lag"}, 400),
            ("POST", "/clock", {"stand": "noon"}, 400),
            ("POST", "/settings", {"colour": "red"}, 400),
            ("POST", "/merge/Account", {}, 400),
        ],
    )
    def test_what_makes_no_sense_is_told_why(
        self, inspector: Inspector, method: str, path: str, body: Any, status: int
    ) -> None:
        answer = inspector.session.request(method, inspector.url + path, json=body, timeout=10)
        assert answer.status_code == status
        assert answer.json()["error"]


class TestHttps:
    def test_only_who_trusts_its_authority_is_served(self, secure: Running) -> None:
        with requests.Session() as session:
            session.trust_env = False
            with pytest.raises(requests.exceptions.SSLError):
                session.get(secure.url + "/services/data", timeout=10)
            answer = session.get(
                secure.url + "/services/data", timeout=10, verify=str(secure.ca_file)
            )
            assert answer.status_code == 200

    def test_an_authority_is_kept_for_next_time(self, tmp_path: Path) -> None:
        first = certify(tmp_path)
        authority, server = first.authority.read_bytes(), first.certificate.read_bytes()
        second = certify(tmp_path)
        assert second.authority.read_bytes() == authority
        assert second.certificate.read_bytes() != server

    def test_secret_files_are_for_their_owner_only(self, tmp_path: Path) -> None:
        certify(tmp_path)
        modes = {p.name: p.stat().st_mode & 0o777 for p in tmp_path.iterdir() if p.suffix == ".key"}
        assert modes == {"ca.key": 0o600, "server.key": 0o600}
