"""What a verdict rests on: remade when that changes, not when figures move that change nothing.

A count of stock that still is enough, a price nobody is under, a day more overdue: none of them
asks for another verdict, or open quotes would be written to as often as the ERP is used.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import msgspec

from interlock.governance.pricing import Verdict
from interlock.processes.quote_check import Answer, Finding, LineAnswer

__all__ = ["Basis", "gist_of", "read_basis"]


class Basis(msgspec.Struct, frozen=True, array_like=True):
    """What is kept beside a verdict.

    ``gist``: of what the store's own facts came to when it was made; ``codes``: its findings.
    ``live``: the ERP was asked.  ``settled``: nothing was asked that the store did not know, or it
    has been asked again since.
    """

    gist: bytes
    codes: tuple[str, ...] = ()
    live: bool = True
    settled: bool = True

    def packed(self) -> bytes:
        """Pack it for the store."""
        return msgspec.msgpack.encode(self)


def read_basis(packed: bytes | None) -> Basis | None:
    """Unpack what is kept beside a verdict."""
    return None if packed is None else msgspec.msgpack.decode(packed, type=Basis)


def gist_of(answer: Answer, on: date) -> bytes:
    """Digest what a person would act upon; ``on``: the day of the check.

    How old the facts are is no part of it, nor is a date that moves on with the calendar.
    """
    lines = {line.key: line for line in answer.lines}
    parts = [
        (f.code, f.verdict.value, f.rule, f.line or "", _detail(f, answer, lines, on))
        for f in answer.findings
        if f.verdict is not Verdict.OK and f.code != "stale"
    ]
    return hashlib.blake2b(msgspec.msgpack.encode(sorted(parts)), digest_size=16).digest()


def _detail(f: Finding, answer: Answer, lines: dict[str, LineAnswer], on: date) -> list[Any]:
    line = lines.get(f.line or "")
    if f.code == "on_hold":
        return [answer.credit.hold_reason or ""]
    if line is None:
        return []
    if f.code in ("below_floor", "below_price"):
        return [_plain(line.floor), _plain(line.price if f.code == "below_price" else None)]
    if f.code == "not_in_stock" and line.earliest is not None:
        return [(line.earliest - on).days]
    return []


def _plain(amount: Any) -> str:
    return "" if amount is None else format(amount.normalize(), "f")
