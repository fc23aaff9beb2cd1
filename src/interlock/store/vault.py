"""The vault: what is encrypted, and proven, with the key that is kept outside the store.

The master key never enters the store.  It wraps one key per record; destroying that one makes the
record's values in the history unreadable, in every copy of the store whose wrapped key is gone too.
"""

from __future__ import annotations

import hmac
import os
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from interlock.errors import ConfigurationError

__all__ = ["KEY_VARIABLE", "Vault", "new_master_key"]

KEY_VARIABLE = "INTERLOCK_KEY"
"""The variable of the environment or of ``.env`` that holds the master key."""

_KEY_SIZE = 32
_NONCE_SIZE = 12


def new_master_key() -> str:
    """Make a master key, as it stands in ``.env``."""
    return b64encode(secrets.token_bytes(_KEY_SIZE)).decode()


class Vault:
    """Wraps and unwraps records' keys, encrypts values, and signs what may remove history."""

    def __init__(self, master: bytes) -> None:
        """``master``: 32 bytes."""
        self._wrapping = AESGCM(_derived(master, b"wrap"))
        self._proving = _derived(master, b"prove")
        self._naming = _derived(master, b"name")
        self.fingerprint = _derived(master, b"fingerprint").hex()[:16]
        """Tells keys apart without telling anything of them."""

    @classmethod
    def of_text(cls, text: str) -> Vault:
        """Open with a key as it stands in ``.env``; raises ``ConfigurationError``."""
        try:
            master = b64decode(text.strip(), validate=True)
        except (Base64Error, ValueError):
            master = b""
        if len(master) != _KEY_SIZE:
            raise ConfigurationError(
                f"{KEY_VARIABLE} is not a key: it must be 32 bytes in base64",
                fix="put back the line that `interlock init` wrote into .env",
            )
        return cls(master)

    @classmethod
    def passing(cls) -> Vault:
        """Make one whose key is never kept: for stores that end with the process."""
        return cls(secrets.token_bytes(_KEY_SIZE))

    def new_key(self) -> tuple[int, bytes, AESGCM]:
        """Make a record's key: its id, the key as it is stored, and the key to use."""
        key_id, key = secrets.randbits(63), os.urandom(_KEY_SIZE)
        nonce = os.urandom(_NONCE_SIZE)
        return key_id, nonce + self._wrapping.encrypt(nonce, key, _name(key_id)), AESGCM(key)

    def unwrap(self, key_id: int, wrapped: bytes) -> AESGCM | None:
        """Open a stored key; ``None`` when it is not one of this master key."""
        try:
            key = self._wrapping.decrypt(
                wrapped[:_NONCE_SIZE], wrapped[_NONCE_SIZE:], _name(key_id)
            )
        except InvalidTag:
            return None
        return AESGCM(key)

    def prove(self, what: str) -> str:
        """Sign a statement: only who holds the master key can make it."""
        return hmac.digest(self._proving, what.encode(), "sha256").hex()

    def identity(self, side: str, entity: str, record_id: str) -> str:
        """Name a record so that nobody without the master key can tell which one it is."""
        named = f"{side}\0{entity}\0{record_id}".encode()
        return hmac.digest(self._naming, named, "sha256").hex()


def encrypt(key: AESGCM, data: bytes) -> bytes:
    """Encrypt under a record's key."""
    nonce = os.urandom(_NONCE_SIZE)
    return nonce + key.encrypt(nonce, data, None)


def decrypt(key: AESGCM, data: bytes) -> bytes | None:
    """Decrypt; ``None`` when it was altered or encrypted with another key."""
    try:
        return key.decrypt(data[:_NONCE_SIZE], data[_NONCE_SIZE:], None)
    except InvalidTag:
        return None


def _derived(master: bytes, purpose: bytes) -> bytes:
    return hmac.digest(master, b"interlock/history/" + purpose, "sha256")


def _name(key_id: int) -> bytes:
    return key_id.to_bytes(8, "big")
