"""Start a real BottleCRM on loopback: own environment, prepared SQLite database, gunicorn.

The first start on a machine installs the pinned packages and makes the tables; later starts copy
the empty database and serve it. It needs Python 3.12 or newer, and its top-level package names
(`common`, `tasks`, `orders` ...) collide with others, so it lives in an environment of its own.
"""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import processes
from .cache import BringUpError, digest, ensure_folder, ensure_venv, run

DATABASE = "crm.sqlite3"
MINIMUM_PYTHON = (3, 12)

_HERE = Path(__file__).parent
_REQUIREMENTS = _HERE / "requirements-bottlecrm.txt"
_SITE = _HERE / "bottlecrm_site"


class MissingPython(BringUpError):
    """No interpreter new enough for BottleCRM is on this machine: tests should skip."""


@dataclass(frozen=True, kw_only=True)
class BottleCrmServer:
    """A running BottleCRM; `token` is a personal access token of the administrator."""

    base_url: str
    token: str
    org_id: str
    org_api_key: str
    profile_id: str
    admin_email: str
    admin_password: str
    jwt_access: str
    jwt_refresh: str
    pid: int
    state: str

    def stop(self) -> None:
        """Stop the server; its database and logs stay in the state folder."""
        processes.stop(Path(self.state))


def start_bottlecrm(
    state: Path, *, port: int = 0, fresh: bool = False, loopback_webhooks: bool = False
) -> BottleCrmServer:
    """Serve BottleCRM from `state` and return how to reach it.

    A server already running on `state` is returned as it is, and a database already there is kept,
    unless `fresh`. With `loopback_webhooks` a webhook may point to a receiver on this machine.
    """
    state = state.absolute()
    state.mkdir(parents=True, exist_ok=True)
    if fresh:
        stop_bottlecrm(state)
        for leftover in state.glob(f"{DATABASE}*"):
            leftover.unlink()
    elif (known := processes.running(state)) is not None:
        return BottleCrmServer(**known)
    venv = ensure_venv("bottlecrm", find_python(), _REQUIREMENTS)
    prepared = _prepared(venv)
    if not (state / DATABASE).exists():
        for name in (DATABASE, "seed.json"):
            shutil.copy(prepared / name, state / name)
    facts = json.loads((state / "seed.json").read_text())
    return _serve(venv, state, port, facts, loopback_webhooks=loopback_webhooks)


def stop_bottlecrm(state: Path) -> bool:
    """Stop the server running on `state`; return whether there was one."""
    return processes.stop(state.absolute())


def find_python() -> str:
    """Return an interpreter that is new enough, or raise `MissingPython`."""
    probe = f"import sys; sys.exit(sys.version_info < {MINIMUM_PYTHON})"
    for candidate in _candidates():
        with contextlib.suppress(OSError):
            done = subprocess.run(
                [candidate, "-c", probe], stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
            # A pyenv shim for a version that is not selected exists, and fails when run.
            if done.returncode == 0:
                return candidate
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    raise MissingPython(f"BottleCRM needs Python {wanted} or newer, and none was found here")


def _candidates() -> Iterator[str]:
    yield sys.executable
    for minor in (13, 12, 14):
        if found := shutil.which(f"python3.{minor}"):
            yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted((pyenv / "versions").glob("3.1[2-9]*/bin/python"), reverse=True))


def _prepared(venv: Path) -> Path:
    """Return a cached folder with an empty database of one organisation, and the facts about it."""
    sources = [path.read_text() for path in sorted(_SITE.glob("interlock_*.py"))]
    key = digest(_REQUIREMENTS.read_text(), *sources)

    def build(folder: Path) -> None:
        log, out = folder / "build.log", folder / "seed.json"
        env = _environment(folder, secret=secrets.token_urlsafe(48))
        migrate = ["migrate", "--noinput", "--run-syncdb", "--verbosity", "0"]
        run([str(venv / "bin" / "django-admin"), *migrate], env=env, cwd=folder, log=log)
        out.touch(mode=0o600)
        seed = [str(_SITE / "interlock_seed.py"), str(out)]
        run([str(venv / "bin" / "python"), *seed], env=env, cwd=folder, log=log)
        with contextlib.closing(sqlite3.connect(folder / DATABASE)) as connection:
            # Everything into the one file that is copied.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return ensure_folder(f"bottlecrm-db-{key}", build)


def _serve(
    venv: Path, state: Path, port: int, facts: dict[str, Any], *, loopback_webhooks: bool
) -> BottleCrmServer:
    known = dict(facts)
    tokens = state / "tokens.json"
    tokens.unlink(missing_ok=True)
    sock = processes.listen(port)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    env = _environment(state, secret=known.pop("secret_key"))
    env |= {
        "DOMAIN_NAME": url,
        "INTERLOCK_ORG": known["org_id"],
        "INTERLOCK_PROFILE": known["profile_id"],
        "INTERLOCK_LOOPBACK_WEBHOOKS": "1" if loopback_webhooks else "0",
    }
    command = [str(venv / "bin" / "gunicorn"), "interlock_wsgi:application", "--worker-class"]
    command += ["gthread", "--threads", "4", "--keep-alive", "30", "--timeout", "120"]
    command += ["--graceful-timeout", "5", "--no-control-socket"]
    pid = processes.serve(command, sock, env=env, state=state)
    probe = urllib.request.Request(f"{url}/healthz/")
    processes.wait_ready(pid, probe, state=state, seconds=120)
    pair = json.loads(tokens.read_text())
    server = BottleCrmServer(
        base_url=url,
        pid=pid,
        state=str(state),
        jwt_access=pair["access"],
        jwt_refresh=pair["refresh"],
        **known,
    )
    processes.record(state, asdict(server))
    return server


def _environment(state: Path, *, secret: str) -> dict[str, str]:
    """Return this process's environment with what steers BottleCRM, and only that."""
    foreign = ("PYTHON", "DJANGO", "VIRTUAL_ENV", "GUNICORN_CMD_ARGS", "DB_", "SENTRY_", "AWS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "interlock_settings",
        "PYTHONPATH": str(_SITE),
        "INTERLOCK_STATE": str(state),
        "SECRET_KEY": secret,
        "ENV_TYPE": "dev",
        "DEBUG": "False",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
    }


def main(arguments: list[str] | None = None) -> int:
    """Start or stop a server from the command line; print one JSON line."""
    parser = argparse.ArgumentParser(prog="python -m tests.real.systems.bottlecrm")
    parser.add_argument("--state", type=Path, required=True, help="folder of its data and logs")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--loopback-webhooks", action="store_true")
    parser.add_argument("--fresh", action="store_true", help="replace its data")
    parser.add_argument("--stop", action="store_true", help="stop the server of that folder")
    chosen = parser.parse_args(arguments)
    if chosen.stop:
        print(json.dumps({"stopped": stop_bottlecrm(chosen.state)}))
        return 0
    began = time.monotonic()
    server = start_bottlecrm(
        chosen.state,
        port=chosen.port,
        fresh=chosen.fresh,
        loopback_webhooks=chosen.loopback_webhooks,
    )
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({**asdict(server), "seconds": seconds}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
