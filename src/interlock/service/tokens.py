"""Tokens of the HTTP API: made for a program, shown once, kept as a hash, revoked for good."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from enum import StrEnum

import msgspec

from interlock.errors import ConfigurationError
from interlock.store import history, tokens
from interlock.store.database import Store, Tx
from interlock.store.history import Event
from interlock.store.tokens import TokenRow

__all__ = [
    "Caller", "NewToken", "Scope", "TokenView", "authenticate", "create_token", "list_tokens",
    "revoke_token",
]  # fmt: skip

_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,39}")
_TOKEN = re.compile(r"il_([a-z0-9]{12})_([A-Za-z0-9_-]{20,100})")


class Scope(StrEnum):
    """How far a token goes; each goes as far as those before it."""

    VIEWER = "viewer"
    """Reads."""
    OPERATOR = "operator"
    """Decides: approves, resolves, retries, lets through."""
    ADMIN = "admin"
    """Makes and revokes tokens."""

    def covers(self, other: Scope) -> bool:
        """Say whether it goes as far as another one."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """A token without its secret."""

    name: str
    scope: Scope
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    revoked_by: str


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token just made; ``token`` is shown this once."""

    name: str
    scope: Scope
    token: str


class Caller(msgspec.Struct, frozen=True):
    """Who calls: the token's name, which is the actor in the history, and how far it goes."""

    name: str
    scope: Scope


def create_token(store: Store, name: str, scope: str, *, by: str, now: datetime) -> NewToken:
    """Make a token; a name is given once and for all, so that the history stays clear."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is no name for a token",
            fix="up to 40 lower-case letters, digits, - _ and ., such as quote-button",
        )
    if scope not in set(Scope):
        raise ConfigurationError(f"{scope!r} is no scope", fix=f"one of {', '.join(Scope)}")
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = TokenRow(
        id=token_id, name=name, digest=_digest(secret), scope=scope, created_at=now, created_by=by
    )

    def _create(tx: Tx) -> bool:
        if not tokens.add(tx, row):
            return False
        _note(tx, "token created", f"{by}: {name} ({scope})", now)
        return True

    if not store.run(_create):
        raise ConfigurationError(
            f"there is a token {name} already, or was", fix="choose another name"
        )
    return NewToken(name=name, scope=Scope(scope), token=f"il_{token_id}_{secret}")


def list_tokens(store: Store) -> list[TokenView]:
    """List all tokens, revoked ones too."""
    return [
        TokenView(
            name=row.name, scope=Scope(row.scope), created_at=row.created_at,
            created_by=row.created_by, revoked_at=row.revoked_at, revoked_by=row.revoked_by,
        )
        for row in store.run(tokens.all_tokens)
    ]  # fmt: skip


def revoke_token(store: Store, name: str, *, by: str, now: datetime) -> TokenView:
    """Let a token count no longer, from this moment on."""

    def _revoke(tx: Tx) -> bool:
        if not tokens.revoke(tx, name, by=by, now=now):
            return False
        _note(tx, "token revoked", f"{by}: {name}", now)
        return True

    if not store.run(_revoke):
        raise ConfigurationError(
            f"there is no token {name} that counts", fix="see `interlock token list`"
        )
    return next(one for one in list_tokens(store) if one.name == name)


def authenticate(store: Store, text: str) -> Caller | None:
    """Tell whose token it is; ``None``: nobody's, or revoked."""
    match = _TOKEN.fullmatch(text)
    row = None if match is None else store.run(tokens.find, match[1])
    # one comparison whatever was found, so that time tells nothing
    right = hmac.compare_digest(
        _digest("" if match is None else match[2]), b"\0" * 32 if row is None else row.digest
    )
    if not right or row is None or row.revoked_at is not None:
        return None
    return Caller(row.name, Scope(row.scope))


def _digest(secret: str) -> bytes:
    """Hash a secret; it is random and long, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).digest()


def _note(tx: Tx, event: str, why: str, now: datetime) -> None:
    history.add(tx, [Event(at=now, event=event, entity="token", why=why)])
