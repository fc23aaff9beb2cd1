"""Identities computed from content: references of creates, digests of writes."""

from __future__ import annotations

import hashlib

from interlock.governance.rules import Side
from interlock.model import EntitySchema, Fields, WriteKind
from interlock.sync.pair import Pair

__all__ = ["digest_of", "prefix_of", "reference_of"]


def reference_of(
    pair: Pair, target: Side, source_entity: str, source_id: str, entity: str, revision: int
) -> str:
    """Compute the reference of a create from the source record's identity (rule 19).

    From ids that never change, never from a link's id or a connection's name: a rebuilt store must
    compute the same.
    """
    source = pair.side(target.other)
    identity = "\0".join(
        (pair.installation, source.id, source_entity, source_id, entity, str(revision))
    )
    digest = hashlib.blake2b(identity.encode(), digest_size=10).digest()
    text = _base32(int.from_bytes(digest, "big"), 16)
    return prefix_of(pair) + text


def prefix_of(pair: Pair) -> str:
    """How every reference of this installation begins."""
    return f"il-{pair.installation}-"


def _base32(number: int, length: int) -> str:
    # Crockford's alphabet: no I, L, O, U, so that a person can read a key aloud
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    out = []
    for _ in range(length):
        number, rest = divmod(number, 32)
        out.append(alphabet[rest])
    return "".join(reversed(out))


def digest_of(
    schema: EntitySchema,
    target: Side,
    entity: str,
    kind: WriteKind,
    subject: str,
    fields: Fields,
    expected: Fields,
) -> str:
    """Identify a write by what it does, so that an approval and a dead letter recognise it."""
    parts = f"{target}\0{entity}\0{kind}\0{subject}\0".encode()
    return hashlib.blake2b(
        parts + schema.encode(fields) + b"\0" + schema.encode(expected), digest_size=16
    ).hexdigest()
