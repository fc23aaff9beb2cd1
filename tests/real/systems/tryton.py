"""Start a real Tryton ERP on loopback: own environment, prepared SQLite database, gunicorn.

The first start on a machine installs the pinned packages and builds the database; later starts copy
the database and serve it. Tryton is GPL: it is installed as a tool and spoken to over HTTP, and
nothing here imports it into this process. SQLite allows one writer at a time.
"""

import argparse
import contextlib
import datetime as dt
import json
import os
import secrets
import shutil
import sqlite3
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import processes
from .cache import digest, ensure_folder, ensure_venv, run
from .tryton_rpc import TrytonRpc, add_customers

DATABASE = "erp"
MODULES = (
    "party",
    "party_relationship",  # contact persons as parties linked to a company
    "company",
    "country",
    "currency",
    "product",
    "product_price_list",
    "stock",
    "sale",
    "sale_price_list",
    "sale_opportunity",
    "sale_credit_limit",
    "account",
    "account_product",
    "account_invoice",
    "account_invoice_stock",
    "account_credit_limit",
    "account_dunning",
    "account_payment",
    "project",
)

_HERE = Path(__file__).parent
_REQUIREMENTS = _HERE / "requirements-tryton.txt"
_ACTIVATE = _HERE / "tryton_site" / "activate.py"
_SEED = _HERE / "tryton_site" / "seed.py"


@dataclass(frozen=True, kw_only=True)
class TrytonServer:
    """A running Tryton; `login` is the least-privilege user a connector should use."""

    url: str
    database: str
    login: str
    password: str
    admin_login: str
    admin_password: str
    pid: int
    ids: Mapping[str, Any]
    state: str

    def stop(self) -> None:
        """Stop the server; its database and logs stay in the state folder."""
        processes.stop(Path(self.state))

    def rpc(self, *, admin: bool = False) -> TrytonRpc:
        """Sign in and return a raw session, for arranging and checking in tests."""
        login, password = self.login, self.password
        if admin:
            login, password = self.admin_login, self.admin_password
        return TrytonRpc(self.url, self.database, login, password)


def start_tryton(
    state: Path, *, port: int = 0, customers: int = 0, products: int = 20, fresh: bool = False
) -> TrytonServer:
    """Serve Tryton from `state` and return how to reach it.

    A server already running on `state` is returned as it is, and a database already there is kept,
    unless `fresh`. `customers` are added only to a database that this call creates.
    """
    state = state.absolute()
    state.mkdir(parents=True, exist_ok=True)
    if fresh:
        stop_tryton(state)
        for leftover in state.glob(f"{DATABASE}.sqlite*"):
            leftover.unlink()
    elif (known := processes.running(state)) is not None:
        return TrytonServer(**known)
    venv = ensure_venv("tryton", sys.executable, _REQUIREMENTS)
    prepared = _prepared(venv, products)
    new = not (state / f"{DATABASE}.sqlite").exists()
    if new:
        for name in (f"{DATABASE}.sqlite", "seed.json"):
            shutil.copy(prepared / name, state / name)
    facts = json.loads((state / "seed.json").read_text())
    server = _serve(venv, state, port, facts)
    if new and customers:
        with contextlib.ExitStack() as undo:
            undo.callback(server.stop)
            add_customers(server.rpc(admin=True), facts["ids"], range(1, customers + 1))
            undo.pop_all()
    return server


def stop_tryton(state: Path) -> bool:
    """Stop the server running on `state`; return whether there was one."""
    return processes.stop(state.absolute())


def _prepared(venv: Path, products: int) -> Path:
    """Return a cached folder with a seeded database and the facts about it."""
    key = digest(
        _REQUIREMENTS.read_text(),
        _ACTIVATE.read_text(),
        _SEED.read_text(),
        " ".join(MODULES),
        str(products),
        # Fiscal years are made around today's.
        str(dt.date.today().year),  # noqa: DTZ011 - Tryton's own idea of today
    )

    def build(folder: Path) -> None:
        config, log = _config(folder), folder / "build.log"
        database, out, secret = folder / f"{DATABASE}.sqlite", folder / "seed.json", folder / "pass"
        database.touch()  # trytond refuses a missing file
        password = secrets.token_urlsafe(18)
        secret.touch(mode=0o600)
        secret.write_text(password + "\n")
        env = _environment(config) | {"TRYTONPASSFILE": str(secret), "DB_NAME": DATABASE}
        python = [str(venv / "bin" / "python"), "-P"]
        admin = [*python, str(_ACTIVATE), "-c", str(config), "-d", DATABASE]
        activate = ["--email", "admin@example.com", "-u", *MODULES, "--activate-dependencies"]
        run([*admin, *activate], env=env, log=log)
        run([*python, str(_SEED), str(out), str(products)], env=env, log=log)
        with contextlib.closing(sqlite3.connect(database)) as connection:
            # Everything into the one file that is copied.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        facts = json.loads(out.read_text())
        # Made by the seed with the umask's rights: closed before the second password goes in.
        out.chmod(0o600)
        out.write_text(json.dumps(facts | {"admin_login": "admin", "admin_password": password}))
        secret.unlink()
        config.unlink()

    return ensure_folder(f"tryton-db-{key}", build)


def _serve(venv: Path, state: Path, port: int, facts: dict[str, Any]) -> TrytonServer:
    config = _config(state)
    sock = processes.listen(port)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    # One process: SQLite has one writer, and threads share the loaded model pool. Keep-alive needs
    # the threaded worker; the control socket would be shared by all servers of this user.
    command = [str(venv / "bin" / "gunicorn"), "trytond.application:app", "--worker-class"]
    command += ["gthread", "--threads", "4", "--keep-alive", "30", "--timeout", "120"]
    command += ["--graceful-timeout", "5", "--no-control-socket"]
    env = _environment(config) | {"TRYTOND_DATABASE_NAMES": DATABASE}
    pid = processes.serve(command, sock, env=env, state=state)
    body = json.dumps({"id": 0, "method": "common.server.version", "params": []}).encode()
    probe = urllib.request.Request(f"{url}/rpc/", body, {"Content-Type": "application/json"})
    processes.wait_ready(pid, probe, state=state, seconds=90)
    server = TrytonServer(url=url, database=DATABASE, pid=pid, state=str(state), **facts)
    processes.record(state, asdict(server))
    return server


def _config(folder: Path) -> Path:
    path = folder / "trytond.conf"
    path.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n")
    return path


def _environment(config: Path) -> dict[str, str]:
    """Return this process's environment without what would steer another Python or Tryton."""
    foreign = ("PYTHON", "TRYTOND_", "DB_NAME", "VIRTUAL_ENV", "GUNICORN_CMD_ARGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"TRYTOND_CONFIG": str(config)}


def main(arguments: list[str] | None = None) -> int:
    """Start or stop a server from the command line; print one JSON line."""
    parser = argparse.ArgumentParser(prog="python -m tests.real.systems.tryton")
    parser.add_argument("--state", type=Path, required=True, help="folder of its data and logs")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--customers", type=int, default=0, help="customers to add to a new one")
    parser.add_argument("--products", type=int, default=20)
    parser.add_argument("--fresh", action="store_true", help="replace its data")
    parser.add_argument("--stop", action="store_true", help="stop the server of that folder")
    chosen = parser.parse_args(arguments)
    if chosen.stop:
        print(json.dumps({"stopped": stop_tryton(chosen.state)}))
        return 0
    began = time.monotonic()
    server = start_tryton(
        chosen.state,
        port=chosen.port,
        customers=chosen.customers,
        products=chosen.products,
        fresh=chosen.fresh,
    )
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({**asdict(server), "seconds": seconds}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
