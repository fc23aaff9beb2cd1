"""Start, watch and stop one server process, known to later runs by a record in its state folder."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .cache import BringUpError

_RECORD = "server.json"
# Held so that a child is reaped when it is stopped by the process that started it.
_CHILDREN: dict[int, "subprocess.Popen[bytes]"] = {}
# Loopback is never behind the proxy that the environment may name.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def listen(port: int) -> socket.socket:
    """Bind a loopback socket for a server to inherit; port 0 takes a free one without a race."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError as error:
        sock.close()
        raise BringUpError(f"port {port} on 127.0.0.1 is taken: {error}") from error
    sock.listen(128)
    return sock


def serve(command: list[str], sock: socket.socket, *, env: dict[str, str], state: Path) -> int:
    """Start gunicorn (`command` without its bind option) on `sock` and return its process id."""
    fd = sock.fileno()
    with sock, (state / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--bind", f"fd://{fd}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=env,
            cwd=state,
            pass_fds=(fd,),
            start_new_session=True,
        )
    _CHILDREN[process.pid] = process
    return process.pid


def wait_ready(pid: int, request: urllib.request.Request, *, state: Path, seconds: float) -> None:
    """Wait until `request` is answered well, or stop the server and raise `BringUpError`."""
    end = time.monotonic() + seconds
    reason = "no answer"
    while time.monotonic() < end and is_running(pid):
        try:
            with _direct.open(request, timeout=seconds):
                return
        except OSError as error:
            reason = str(error)
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            time.sleep(0.1)
    stop_pid(pid)
    raise BringUpError(f"the server did not become ready ({reason}): see {state / 'server.log'}")


def is_running(pid: int) -> bool:
    """Tell whether process `pid` is alive (an ended child of ours is reaped first)."""
    child = _CHILDREN.get(pid)
    if child is not None and child.poll() is not None:
        del _CHILDREN[pid]
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def stop_pid(pid: int, *, seconds: float = 15) -> None:
    """Ask `pid` to end, and after `seconds` force it with the workers of its session."""
    for send, sign, patience in (
        (os.kill, signal.SIGTERM, seconds),
        (os.killpg, signal.SIGKILL, 5.0),
    ):
        if not is_running(pid):
            return
        with contextlib.suppress(ProcessLookupError):
            send(pid, sign)
        end = time.monotonic() + patience
        while time.monotonic() < end and is_running(pid):
            time.sleep(0.05)


def record(state: Path, facts: Mapping[str, Any]) -> None:
    """Write down the running server of `state`, for its owner only: the file holds secrets."""
    content = {**facts, "born": _born(int(facts["pid"]))}
    path = state / _RECORD
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=1))


def running(state: Path) -> dict[str, Any] | None:
    """Return the record of the server that runs on `state`, or None when there is none."""
    try:
        content: dict[str, Any] = json.loads((state / _RECORD).read_text())
    except FileNotFoundError:
        return None
    pid = int(content["pid"])
    # The number may belong to another process by now: then the start time differs.
    if not is_running(pid) or _born(pid) != content.pop("born"):
        return None
    return content


def stop(state: Path) -> bool:
    """Stop the server that runs on `state`; return whether there was one."""
    content = running(state)
    if content is not None:
        stop_pid(int(content["pid"]))
    (state / _RECORD).unlink(missing_ok=True)
    return content is not None


def _born(pid: int) -> str:
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[19]
    with contextlib.suppress(OSError):
        shown = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(shown, capture_output=True, text=True, check=False).stdout.strip()
    return ""
