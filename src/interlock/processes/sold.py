"""What a deal sold: kept with the decision on its order, and compared with what it shows later."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from interlock.governance.targets import Targets
from interlock.model import SIGNALS, Fields, Record, StageKind, agree
from interlock.processes.snapshot import Draft
from interlock.store.database import Tx

__all__ = ["Sold", "difference", "digest_of", "last_change", "pack", "repack", "unpack"]

_SOLD = {"amount": "amount", "lines": "lines", "customer": "customer", "po_number": "PO number"}
"""What of a deal goes into its order, and how it is called."""


class Sold(msgspec.Struct):
    """What a case keeps of the decided order: its packed fields, the total it must come to, and
    the deal's fields that say what was sold.  ``former``: what the order was before it was to
    follow its changed deal.  ``targets``: all that was to be made of the deal.
    """

    fields: bytes
    net_total: str
    deal: bytes
    former: bytes | None = None
    former_total: str | None = None
    targets: Targets | None = None


def pack(tx: Tx, entity: str, draft: Draft, deal: Fields, targets: Targets | None = None) -> bytes:
    """Pack a draft of an entity together with the deal it was made from."""
    return msgspec.msgpack.encode(
        Sold(
            fields=tx.schema[entity].encode(draft.fields),
            net_total=str(draft.net_total),
            deal=tx.schema["deal"].encode({f: deal[f] for f in _SOLD if f in deal}),
            targets=targets,
        )
    )


def repack(tx: Tx, entity: str, sold: Sold, draft: Draft, deal: Fields) -> bytes:
    """Pack what an order that stands is to become."""
    renewed = unpack(pack(tx, entity, draft, deal, sold.targets))
    return msgspec.msgpack.encode(
        msgspec.structs.replace(renewed, former=sold.fields, former_total=sold.net_total)
    )


def unpack(data: bytes) -> Sold:
    """Unpack what ``pack`` packed."""
    return msgspec.msgpack.decode(data, type=Sold)


def difference(tx: Tx, sold: Sold, deal: Fields) -> str | None:
    """Say what a deal shows other than what was sold; ``None`` when it is still the same."""
    if deal.get("stage_kind", StageKind.WON) != StageKind.WON:
        return "the deal was lost or reopened"
    before = tx.schema["deal"].decode(sold.deal)
    changed = [_SOLD[f] for f, v in before.items() if f in deal and not agree(v, deal[f])]
    return f"the deal's {' and '.join(changed)} changed" if changed else None


def digest_of(tx: Tx, deal: Record, quote: Record | None) -> bytes:
    """Digest what an order is made of; what Interlock itself writes on the deal is left out."""
    own = {"order_number", "order_status", "project_number", "project_status", "other_id",
           "paused", "paused_stage"} | SIGNALS["deal"]  # fmt: skip
    digest = hashlib.blake2b(
        tx.schema["deal"].encode({f: v for f, v in deal.fields.items() if f not in own}),
        digest_size=16,
    )
    if quote is not None:
        offered = {f: v for f, v in quote.fields.items() if f not in SIGNALS["quote"]}
        digest.update(tx.schema["quote"].encode(offered))
    return digest.digest()


def last_change(deal: Record, quote: Record | None) -> datetime | None:
    """When the systems say deal and quote last changed; ``None`` when one does not say."""
    times = [deal.modified] + ([quote.modified] if quote is not None else [])
    known = [t for t in times if t is not None]
    return max(known) if len(known) == len(times) else None
