"""Secrets that change while a connection works, encrypted in files beside the project.

A refresh token that rotates is worth as much as a password and is lost with one forgotten write: a
file is replaced as a whole, forced to disk, and can be read with the project's key only.
"""

from __future__ import annotations

import asyncio
import fcntl
import hmac
import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from interlock.errors import StoreError
from interlock.store.vault import Vault

__all__ = ["SECRETS_FOLDER", "SecretFolder"]

SECRETS_FOLDER: Final = "secrets"
"""Name of the folder in the project; each connection has one of its own in it."""

_NONCE: Final = 12
_WAIT: Final = 0.05


class SecretFolder:
    """The secrets of one connection, each in a file of its name."""

    def __init__(self, folder: Path, key: str) -> None:
        """``key``: the project's, as it stands in ``.env``; raises ``ConfigurationError``."""
        Vault.of_text(key)
        self._folder = folder
        derived = hmac.digest(b64decode(key.strip()), b"interlock/connection-secrets", "sha256")
        self._cipher = AESGCM(derived)

    def __repr__(self) -> str:
        return f"SecretFolder({str(self._folder)!r})"

    def load(self, name: str) -> str | None:
        """Give what was saved last; ``None`` when nothing was, or another key encrypted it."""
        try:
            data = b64decode(self._file(name).read_bytes(), validate=True)
            return self._cipher.decrypt(data[:_NONCE], data[_NONCE:], self._bound(name)).decode()
        except (FileNotFoundError, Base64Error, InvalidTag, ValueError):
            return None
        except OSError as error:
            raise self._broken(name, error) from error

    def save(self, name: str, value: str) -> None:
        """Keep a secret; when this returns it would survive a loss of power."""
        nonce = os.urandom(_NONCE)
        data = b64encode(nonce + self._cipher.encrypt(nonce, value.encode(), self._bound(name)))
        file = self._file(name)
        beside = file.with_name(f"{file.name}.new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(
                os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
            ) as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            beside.replace(file)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._broken(name, error) from error

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """Keep everybody else, in other processes too, from a secret for a while."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._broken(name, error) from error
        try:
            while not _locked(lock):  # noqa: ASYNC110  another process sets no event
                # and a thread that waits could not be called off
                await asyncio.sleep(_WAIT)
            yield
        finally:
            os.close(lock)

    def _file(self, name: str) -> Path:
        return self._folder / name

    def _bound(self, name: str) -> bytes:
        """Tie a secret to its place: a file moved to another connection's folder is of no use."""
        return f"{self._folder.name}/{name}".encode()

    def _broken(self, name: str, error: OSError) -> StoreError:
        return StoreError(
            f"{self._folder / name} cannot be used: {error.strerror}",
            fix="make the folder readable and writable for the user Interlock runs as",
        )


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
