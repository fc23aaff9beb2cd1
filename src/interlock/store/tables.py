"""The tables: all durable state.  Migrations follow this file; a test compares the two.

Times are aware UTC, kept as text of fixed width on SQLite so that they sort.  Blobs are msgpack.
What a system or a person words, and so decides the length of, is ``Text``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from interlock.store.instant import Instant

__all__ = ["ERRANDS", "MADE_ALONE", "SUMMED", "metadata"]


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ERRANDS = ("pause", "task", "verdict")
"""Entities of links that are no pair of records: the subjects of a process's writes."""

MADE_ALONE = ("deal_project",)
"""Entities of links that are whole with one member: what was made of a record linked elsewhere."""

SUMMED = ("customer", "order", "invoice")
"""Entities of the ERP that figures are worked out from."""

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

record = Table(
    "record",
    metadata,
    # what was last seen of each record of each system, linked or not (the observation)
    Column("side", String(3), primary_key=True),
    Column("entity", String(32), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("fields", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("version", Text),
    Column("modified", Instant),
    Column("instant", Instant, nullable=False),
    Column("presence", String(16), nullable=False),
    Column("merged_into", String(255)),
    Column("reference", Text),
    Column("map_version", String(64), nullable=False),
    Column("sweep", Integer, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("absent_since", Instant),
    Column("refetch_at", Instant),
    Column("refetch_tries", Integer, nullable=False, server_default="0"),
    Column("problems", LargeBinary),
    Column("link_id", Integer, ForeignKey("link.id")),
    Column("unlinked", String(16)),
    # true: matching has not looked at it since it changed; else empty
    Column("to_match", Boolean),
    # true: no figures have been worked out from it since it changed; else empty
    Column("to_sum", Boolean),
    # signals of an ERP record as they were last made public, and when (rule 27)
    Column("signals", LargeBinary),
    Column("signals_at", Instant),
    Index(None, "side", "entity", "link_id"),
    Index(None, "refetch_at"),
    Index(None, "side", "entity", "reference"),
)

Index(
    "ix_record_to_match",
    record.c.entity,
    record.c.side,
    record.c.id,
    sqlite_where=record.c.to_match.is_not(None),
    postgresql_where=record.c.to_match.is_not(None),
)
Index(
    "ix_record_to_sum",
    record.c.entity,
    record.c.id,
    sqlite_where=record.c.to_sum.is_not(None),
    postgresql_where=record.c.to_sum.is_not(None),
)
Index(
    "ix_record_merged",
    record.c.link_id,
    sqlite_where=record.c.merged_into.is_not(None),
    postgresql_where=record.c.merged_into.is_not(None),
)

billed = Table(
    "billed",
    metadata,
    # whom an invoice of the ERP was counted for, and until when it counts otherwise each day
    Column("invoice_id", String(255), primary_key=True),
    Column("customer_id", String(255)),
    Column("order_id", String(255)),
    # ISO 4217 codes of its amounts, if it counts at all
    Column("currencies", Text, nullable=False),
    # ISO 8601 date
    Column("ages_until", String(10)),
    Index(None, "customer_id"),
    Index(None, "order_id"),
)

figure_note = Table(
    "figure_note",
    metadata,
    # what is not known of a customer's figures, differs from the ERP's own, or is to be told later
    Column("customer_id", String(255), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("message", Text, primary_key=True),
)

link = Table(
    "link",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entity", String(32), nullable=False),
    Column("rev", Integer, nullable=False),
    Column("reconciled_rev", Integer, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("evidence", Text, nullable=False),
    # where a score made it: probability, contributions and reasons, version of the weights
    Column("probability", Float),
    Column("explanation", LargeBinary),
    Column("weights", Text),
    Column("created_at", Instant, nullable=False),
    # sqlite reuses the ids of deleted rows unless told not to; a link id must never come back
    sqlite_autoincrement=True,
)
Index(
    "ix_link_due",
    link.c.entity,
    link.c.id,
    sqlite_where=link.c.rev > link.c.reconciled_rev,
    postgresql_where=link.c.rev > link.c.reconciled_rev,
)

member = Table(
    "member",
    metadata,
    Column("link_id", Integer, ForeignKey("link.id"), primary_key=True),
    Column("side", String(3), primary_key=True),
    Column("entity", String(32), nullable=False),
    Column("id", String(255), nullable=False),
    Column("base", LargeBinary, nullable=False),
    Column("base_map_version", String(64), nullable=False),
    # fields whose base is of another map version: field -> version
    Column("older", LargeBinary),
    Column("unconfirmed", LargeBinary),
    Column("unconfirmed_since", Instant),
    UniqueConstraint("side", "entity", "id"),
)

attached = Table(
    "attached",
    metadata,
    # a further record of a link's one side, by a person's decision: read, and rolled up (ADR 0014)
    Column("side", String(3), primary_key=True),
    Column("entity", String(32), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("link_id", Integer, ForeignKey("link.id"), nullable=False),
    # who said so, and what matching had found
    Column("by", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("at", Instant, nullable=False),
    # why it does not count now: archived, gone, merged; empty: it counts
    Column("away", String(16), nullable=False, server_default=""),
    Index(None, "link_id"),
)

refused_pair = Table(
    "refused_pair",
    metadata,
    Column("entity", String(32), primary_key=True),
    Column("crm_id", String(255), primary_key=True),
    Column("erp_id", String(255), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
)

suggestion = Table(
    "suggestion",
    metadata,
    Column("entity", String(32), primary_key=True),
    Column("crm_id", String(255), primary_key=True),
    Column("erp_id", String(255), primary_key=True),
    Column("evidence", Text, nullable=False),
    Column("probability", Float),
    Column("explanation", LargeBinary),
    Column("weights", Text),
    Column("at", Instant, nullable=False),
    Index(None, "entity", "erp_id"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("link_id", Integer, ForeignKey("link.id")),
    Column("target", String(3), nullable=False),
    Column("entity", String(32), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("record_id", String(255)),
    Column("source_entity", String(32)),
    Column("source_id", String(255)),
    Column("fields", LargeBinary, nullable=False),
    Column("expected", LargeBinary, nullable=False),
    Column("bases", LargeBinary, nullable=False),
    Column("reasons", LargeBinary, nullable=False),
    Column("version", Text),
    Column("reference", String(64)),
    Column("revision", Integer, nullable=False),
    Column("rev", Integer, nullable=False),
    Column("map_version", String(64), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("needs_approval", Boolean, nullable=False),
    # what it is counted as under the blast limits; empty: not counted
    Column("limit_kind", String(12)),
    Column("digest", String(64), nullable=False),
    Column("waits_for", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("lease", String(32)),
    Column("lease_until", Instant),
    Index(None, "target", "state", "priority", "due_at"),
    # at most one undelivered write per link and target (rule 16)
    Index("uq_outbox_link_target", "link_id", "target", unique=True),
)
Index(
    "ix_outbox_limit_kind",
    outbox.c.target,
    outbox.c.entity,
    outbox.c.limit_kind,
    sqlite_where=outbox.c.limit_kind.is_not(None),
    postgresql_where=outbox.c.limit_kind.is_not(None),
)

tally = Table(
    "tally",
    metadata,
    # what is counted over a rolling hour and day: the latest instant per record is enough
    Column("side", String(3), primary_key=True),
    Column("entity", String(32), primary_key=True),
    Column("kind", String(12), primary_key=True),
    Column("field", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("at", Instant, nullable=False),
    Index(None, "at"),
)

stop = Table(
    "stop",
    metadata,
    # what went beyond a limit and waits for a person
    Column("id", Integer, primary_key=True),
    Column("side", String(3), nullable=False),
    Column("entity", String(32), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("field", String(255), nullable=False),
    Column("at", Instant, nullable=False),
    Column("count", Integer, nullable=False),
    Column("most", Integer, nullable=False),
    UniqueConstraint("side", "entity", "kind", "field"),
    sqlite_autoincrement=True,
)

away = Table(
    "away",
    metadata,
    # writes of ours that did not stay (the breaker's rounds)
    Column("link_id", Integer, primary_key=True),
    Column("side", String(3), primary_key=True),
    Column("field", String(255), primary_key=True),
    Column("written_at", Instant, primary_key=True),
)

creation = Table(
    "creation",
    metadata,
    # every reference ever issued; a create happens once per source record and revision (rule 24)
    Column("reference", String(64), primary_key=True),
    Column("target", String(3), nullable=False),
    Column("entity", String(32), nullable=False),
    Column("source_entity", String(32), nullable=False),
    Column("source_id", String(255), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("record_id", String(255)),
    Column("done_at", Instant),
    UniqueConstraint("target", "entity", "source_entity", "source_id", "revision"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", String(400), nullable=False),
    Column("link_id", Integer),
    Column("target", String(3), nullable=False),
    Column("entity", String(32), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("record_id", String(255)),
    Column("source_entity", String(32)),
    Column("source_id", String(255)),
    Column("cause", Text, nullable=False),
    Column("field", Text),
    Column("message", Text, nullable=False),
    Column("fix", Text, nullable=False),
    Column("fields", LargeBinary, nullable=False),
    Column("override", LargeBinary),
    Column("override_by", Text),
    Column("override_reason", Text),
    Column("digest", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_why", Text),
    Index(None, "closed_at", "subject"),
    sqlite_autoincrement=True,
)

open_field = Table(
    "open_field",
    metadata,
    Column("link_id", Integer, ForeignKey("link.id"), primary_key=True),
    Column("field", Text, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

resolution = Table(
    "resolution",
    metadata,
    # what a person decided on an open field, until both sides are as decided or one has moved
    Column("link_id", Integer, primary_key=True, autoincrement=False),
    Column("field", Text, primary_key=True),
    Column("choice", String(8), nullable=False),
    Column("value", LargeBinary),
    Column("crm_seen", String(32), nullable=False),
    Column("erp_seen", String(32), nullable=False),
    Column("ownership", String(8), nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("standing", String(8), nullable=False),
    Column("note", Text, nullable=False),
)

case = Table(
    "process_case",
    metadata,
    # what a process has decided about one source record, where it waits and why
    Column("process", String(32), primary_key=True),
    Column("source_id", String(255), primary_key=True),
    Column("state", String(24), nullable=False),
    Column("why", Text, nullable=False),
    Column("fix", Text, nullable=False, server_default=""),
    Column("seen_hash", LargeBinary),
    Column("stable_since", Instant),
    Column("snapshot", LargeBinary),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("link_id", Integer),
    Column("at", Instant, nullable=False),
)

hold_episode = Table(
    "hold_episode",
    metadata,
    # a customer's credit hold, from when it was seen on until it was seen off for long enough
    Column("id", Integer, primary_key=True),
    Column("link_id", Integer, nullable=False),
    Column("crm_id", String(255), nullable=False),
    Column("erp_id", String(255), nullable=False),
    Column("reason", Text, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("off_since", Instant),
    Column("ended_at", Instant),
    Column("ended_why", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
Index(
    "uq_hold_episode_open",
    hold_episode.c.link_id,
    unique=True,
    sqlite_where=hold_episode.c.ended_at.is_(None),
    postgresql_where=hold_episode.c.ended_at.is_(None),
)

hold_pause = Table(
    "hold_pause",
    metadata,
    # a deal an episode pauses: kept before anything is written to the deal (rule 26)
    Column("episode_id", Integer, ForeignKey("hold_episode.id"), primary_key=True),
    Column("deal_id", String(255), primary_key=True),
    # the subject of its writes: a link without members
    Column("link_id", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("mark_stage", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "link_id"),
    Index(None, "state"),
)

hold_override = Table(
    "hold_override",
    metadata,
    # a person lets a won deal be ordered in spite of this very episode
    Column("episode_id", Integer, ForeignKey("hold_episode.id"), primary_key=True),
    Column("deal_id", String(255), primary_key=True),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    # what somebody in the company should know; once per subject and role
    Column("id", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("role", String(32), nullable=False),
    # the CRM user the role stood for, empty: nobody
    Column("user", Text, nullable=False),
    # the CRM customer it is about
    Column("customer_id", String(255), nullable=False),
    Column("message", Text, nullable=False),
    # where it is a task in the CRM: the link that holds it
    Column("link_id", Integer),
    Column("at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_why", Text, nullable=False, server_default=""),
    UniqueConstraint("kind", "subject", "role"),
    Index(None, "ended_at"),
    Index(None, "link_id"),
    sqlite_autoincrement=True,
)

approval = Table(
    "approval",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("plan_id", String(32), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

plan = Table(
    "plan",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("digests", LargeBinary, nullable=False),
    Column("approved_at", Instant),
)

undo = Table(
    "undo",
    metadata,
    # a value a person wants back in one field of one record, until it stands there
    Column("link_id", Integer, primary_key=True),
    Column("side", String(3), primary_key=True),
    Column("field", Text, primary_key=True),
    Column("entity", String(32), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("instead", LargeBinary, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

feed = Table(
    "feed",
    metadata,
    # where reading one entity of one system stands
    Column("side", String(3), primary_key=True),
    Column("entity", String(32), primary_key=True),
    Column("cursor", Text),
    Column("midway", Boolean, nullable=False),
    Column("sweep_cursor", Text),
    Column("sweep_no", Integer, nullable=False, server_default="0"),
    Column("sweep_started", Instant),
    Column("complete_at", Instant),
    Column("map_version", String(64), nullable=False, server_default=""),
    Column("shortfall", Integer, nullable=False, server_default="0"),
    Column("doubted", Boolean, nullable=False),
    # when the last look began that came to its end, whether or not it showed anything
    Column("looked_at", Instant),
)

hint = Table(
    "hint",
    metadata,
    # records somebody says have changed, linked or not, until they were fetched (rule 6)
    Column("side", String(3), primary_key=True),
    Column("entity", String(32), primary_key=True),
    Column("record_id", String(255), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    # a first fetch showed nothing new: the next one is the last
    Column("again", Boolean, nullable=False),
)

counter = Table(
    "counter",
    metadata,
    # what has been counted since the store was begun, by all processes together
    Column("name", String(32), primary_key=True),
    Column("label", String(80), primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
)

api_token = Table(
    "api_token",
    metadata,
    # who may call the HTTP API; of the token itself only a hash is kept
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_by", Text, nullable=False, server_default=""),
)

outgoing = Table(
    "outgoing",
    metadata,
    # what other tools and people are told: events by endpoint, alerts by channel
    Column("destination", String(80), primary_key=True),
    Column("id", String(400), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    # empty: delivered, or given up
    Column("due_at", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("delivered_at", Instant),
    Column("why", Text, nullable=False, server_default=""),
    Index(None, "due_at"),
)

event_endpoint = Table(
    "event_endpoint",
    metadata,
    # how far an endpoint has been told: since when, and up to which row of the history
    Column("name", String(64), primary_key=True),
    Column("since", Instant, nullable=False),
    Column("history_id", Integer, nullable=False),
    Column("leaks_at", Instant),
)

notice = Table(
    "notice",
    metadata,
    # what people have been told is wrong, by cause, until it is over
    Column("cause", String(160), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("since", Instant, nullable=False),
    Column("told_at", Instant, nullable=False),
    Column("closed_at", Instant),
)

map_version = Table(
    "map_version",
    metadata,
    # every map that ever was active (rule 15), and when it last became so
    Column("version", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

history = Table(
    "history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("link_id", Integer),
    Column("side", String(3)),
    Column("entity", String(32), nullable=False),
    Column("record_id", String(255)),
    Column("event", String(24), nullable=False),
    Column("field", Text),
    # why, old, new and, of a create, all its fields; encrypted where it has a key
    Column("body", LargeBinary),
    # stands for a body that was erased
    Column("body_digest", LargeBinary),
    Column("key_id", BigInteger),
    Column("map_version", String(64)),
    Column("write_id", String(32)),
    Column("request_id", Text),
    Column("run_id", String(32)),
    # of all of the above, as it was written; the chain is made of these
    Column("digest", LargeBinary, nullable=False),
    Index(None, "link_id", "field"),
    Index(None, "side", "entity", "record_id"),
    Index(None, "run_id"),
    sqlite_autoincrement=True,
)

record_key = Table(
    "record_key",
    metadata,
    # what a record's (or, without one, a link's) personal values in the history are encrypted with
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("side", String(4), nullable=False),
    Column("entity", String(32), nullable=False),
    Column("record_id", String(255), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    UniqueConstraint("side", "entity", "record_id"),
)

seal = Table(
    "seal",
    metadata,
    # a batch of history, chained to the one before it; of a pruned batch only this is left
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("last_id", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("newest_at", Instant, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # (id, digest) of rows that were thinned out
    Column("thinned", LargeBinary),
    Column("pruned", Boolean, nullable=False),
)

forgotten = Table(
    "forgotten",
    metadata,
    # records no copy is kept of, by keyed hash; the same list lies outside the store
    Column("identity", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
)

lane = Table(
    "lane",
    metadata,
    # when a lane of the service last ran, and when it is to run apart from its schedule
    Column("name", String(64), primary_key=True),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("due_at", Instant),
    # why the last run did not end well; empty when it did
    Column("problem", Text, nullable=False, server_default=""),
)

paused = Table(
    "paused",
    metadata,
    # a system or an entity nothing is done with, by a person or, with tries, by itself
    Column("subject", String(64), primary_key=True),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant),
    Column("tries", Integer, nullable=False, server_default="0"),
    # what kind of failure it was after
    Column("code", String(32), nullable=False, server_default=""),
)

run = Table(
    "run",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("counts", LargeBinary),
)

# calls spent of each system's budget, shared by all workers (rule 23); by the connection's
# permanent id
budget = Table(
    "budget",
    metadata,
    Column("connection", String(32), primary_key=True),
    Column("spent", LargeBinary, nullable=False),
)
budget_slot = Table(
    "budget_slot",
    metadata,
    Column("holder", String(64), primary_key=True),
    Column("connection", String(32), nullable=False),
    Column("until", Instant, nullable=False),
    Index(None, "connection"),
)
