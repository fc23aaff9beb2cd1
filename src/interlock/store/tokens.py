"""Tokens of the HTTP API: who may call it and how far they may go; only hashes are kept."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import select, update

from interlock.store.database import Tx
from interlock.store.tables import api_token

__all__ = ["TokenRow", "add", "all_tokens", "find", "named", "revoke"]


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """A token as the store keeps it; ``digest`` is of its secret part."""

    id: str
    name: str
    digest: bytes
    scope: str
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None
    revoked_by: str = ""


def add(tx: Tx, row: TokenRow) -> bool:
    """Keep a token; false when its name is taken, be it by a revoked one."""
    if named(tx, row.name) is not None:
        return False
    tx.conn.execute(api_token.insert().values(**msgspec.structs.asdict(row)))
    return True


def find(tx: Tx, token_id: str) -> TokenRow | None:
    """Look a token up by the public part of it."""
    row = tx.conn.execute(select(api_token).where(api_token.c.id == token_id)).first()
    return None if row is None else TokenRow(**row._asdict())


def named(tx: Tx, name: str) -> TokenRow | None:
    """Look a token up by its name."""
    row = tx.conn.execute(select(api_token).where(api_token.c.name == name)).first()
    return None if row is None else TokenRow(**row._asdict())


def all_tokens(tx: Tx) -> list[TokenRow]:
    """Read all tokens, revoked ones too, in the order in which they were made."""
    query = select(api_token).order_by(api_token.c.created_at, api_token.c.id)
    return [TokenRow(**row._asdict()) for row in tx.conn.execute(query)]


def revoke(tx: Tx, name: str, *, by: str, now: datetime) -> bool:
    """Let a token count no longer; false when there is no such token left."""
    changed = tx.conn.execute(
        update(api_token)
        .where(api_token.c.name == name, api_token.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_by=by)
    )
    return bool(changed.rowcount)
