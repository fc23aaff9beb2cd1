"""Cache of virtual environments and prepared databases, shared by every start on a machine.

Entries are keyed by what they are made from, so a changed pin or seed makes a new entry and never
reuses an old one. Two processes may ask for the same entry at once: a file lock lets one build it.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

_DONE = ".complete"


class BringUpError(RuntimeError):
    """A real system could not be prepared or started; the message names the log to read."""


def cache_root() -> Path:
    """Return the cache folder: `INTERLOCK_REAL_CACHE`, else a folder in the user's own cache."""
    chosen = os.environ.get("INTERLOCK_REAL_CACHE")
    root = Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "interlock-real"
    root.mkdir(parents=True, exist_ok=True)
    # Prepared databases come with the passwords and tokens made for them.
    root.chmod(0o700)
    return root


def digest(*parts: str) -> str:
    """Return a short key for `parts`."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


@contextlib.contextmanager
def _locked(name: str) -> Iterator[None]:
    with (cache_root() / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield  # closing the file releases the lock, also when the process is killed


def ensure_folder(name: str, build: Callable[[Path], None]) -> Path:
    """Return the cached folder `name`, built in a scratch folder and renamed when whole."""
    target = cache_root() / name
    if target.exists():
        return target
    with _locked(name):
        if not target.exists():
            for interrupted in cache_root().glob(f"{name}.*.part"):
                shutil.rmtree(interrupted, ignore_errors=True)
            scratch = Path(tempfile.mkdtemp(prefix=f"{name}.", suffix=".part", dir=cache_root()))
            try:
                build(scratch)
                scratch.rename(target)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    return target


def ensure_venv(name: str, python: str, requirements: Path) -> Path:
    """Return a virtual environment of `python` that holds exactly the pins in `requirements`."""
    version = _output([python, "-c", "import sys; print(sys.version, sys.base_prefix)"])
    target = cache_root() / f"{name}-venv-{digest(version, requirements.read_text())}"
    # A virtual environment cannot be renamed (its scripts hold its path), so a marker file written
    # last tells a whole one from an interrupted one.
    if (target / _DONE).exists():
        return target
    with _locked(target.name):
        if not (target / _DONE).exists():
            shutil.rmtree(target, ignore_errors=True)
            log = target.with_suffix(".log")
            run([python, "-m", "venv", str(target)], log=log)
            install = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            # The pins are a full freeze: resolving again could only add what is not pinned.
            run([*install, "--no-deps", "--requirement", str(requirements)], log=log)
            (target / _DONE).touch()
    return target


def run(
    command: list[str], *, log: Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> None:
    """Run `command` with its output appended to `log`; raise `BringUpError` if it fails."""
    with log.open("ab") as out:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=env,
            cwd=cwd,
            check=False,
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise BringUpError(f"{Path(command[0]).name} ended with {done.returncode} ({log}):\n{tail}")


def _output(command: list[str]) -> str:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BringUpError(f"{command[0]} does not run: {done.stderr.strip()}")
    return done.stdout
