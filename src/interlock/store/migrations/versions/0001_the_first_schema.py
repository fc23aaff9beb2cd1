"""The first schema."""

import sqlalchemy as sa
from alembic import op

from interlock.store.instant import Instant

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.String(length=255), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_why", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("kind", "subject", "role", name=op.f("uq_alert_kind_subject_role")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_ended_at"), ["ended_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_link_id"), ["link_id"], unique=False)

    op.create_table(
        "api_token",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("revoked_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("name", name=op.f("uq_api_token_name")),
    )
    op.create_table(
        "approval",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_approval")),
    )
    op.create_table(
        "away",
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("field", sa.String(length=255), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("link_id", "side", "field", "written_at", name=op.f("pk_away")),
    )
    op.create_table(
        "billed",
        sa.Column("invoice_id", sa.String(length=255), nullable=False),
        sa.Column("customer_id", sa.String(length=255), nullable=True),
        sa.Column("order_id", sa.String(length=255), nullable=True),
        sa.Column("currencies", sa.Text(), nullable=False),
        sa.Column("ages_until", sa.String(length=10), nullable=True),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_billed")),
    )
    with op.batch_alter_table("billed", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_billed_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_billed_order_id"), ["order_id"], unique=False)

    op.create_table(
        "budget",
        sa.Column("connection", sa.String(length=32), nullable=False),
        sa.Column("spent", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_budget")),
    )
    op.create_table(
        "budget_slot",
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("connection", sa.String(length=32), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("holder", name=op.f("pk_budget_slot")),
    )
    with op.batch_alter_table("budget_slot", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_budget_slot_connection"), ["connection"], unique=False)

    op.create_table(
        "counter",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", "label", name=op.f("pk_counter")),
    )
    op.create_table(
        "creation",
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=3), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("source_entity", sa.String(length=32), nullable=False),
        sa.Column("source_id", sa.String(length=255), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("issued_at", Instant(), nullable=False),
        sa.Column("record_id", sa.String(length=255), nullable=True),
        sa.Column("done_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_creation")),
        sa.UniqueConstraint(
            "target",
            "entity",
            "source_entity",
            "source_id",
            "revision",
            name=op.f("uq_creation_target_entity_source_entity_source_id_revision"),
        ),
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("target", sa.String(length=3), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("record_id", sa.String(length=255), nullable=True),
        sa.Column("source_entity", sa.String(length=32), nullable=True),
        sa.Column("source_id", sa.String(length=255), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.Column("override", sa.LargeBinary(), nullable=True),
        sa.Column("override_by", sa.Text(), nullable=True),
        sa.Column("override_reason", sa.Text(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("closed_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letter")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("dead_letter", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_dead_letter_closed_at_subject"), ["closed_at", "subject"], unique=False
        )

    op.create_table(
        "event_endpoint",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("history_id", sa.Integer(), nullable=False),
        sa.Column("leaks_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_event_endpoint")),
    )
    op.create_table(
        "feed",
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("midway", sa.Boolean(), nullable=False),
        sa.Column("sweep_cursor", sa.Text(), nullable=True),
        sa.Column("sweep_no", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sweep_started", Instant(), nullable=True),
        sa.Column("complete_at", Instant(), nullable=True),
        sa.Column("map_version", sa.String(length=64), server_default="", nullable=False),
        sa.Column("shortfall", sa.Integer(), server_default="0", nullable=False),
        sa.Column("doubted", sa.Boolean(), nullable=False),
        sa.Column("looked_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("side", "entity", name=op.f("pk_feed")),
    )
    op.create_table(
        "figure_note",
        sa.Column("customer_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "kind", "message", name=op.f("pk_figure_note")),
    )
    op.create_table(
        "forgotten",
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("identity", name=op.f("pk_forgotten")),
    )
    op.create_table(
        "hint",
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("record_id", sa.String(length=255), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("side", "entity", "record_id", name=op.f("pk_hint")),
    )
    op.create_table(
        "history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("side", sa.String(length=3), nullable=True),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("record_id", sa.String(length=255), nullable=True),
        sa.Column("event", sa.String(length=24), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("body_digest", sa.LargeBinary(), nullable=True),
        sa.Column("key_id", sa.BigInteger(), nullable=True),
        sa.Column("map_version", sa.String(length=64), nullable=True),
        sa.Column("write_id", sa.String(length=32), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("history", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_history_link_id_field"), ["link_id", "field"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_history_run_id"), ["run_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_history_side_entity_record_id"),
            ["side", "entity", "record_id"],
            unique=False,
        )

    op.create_table(
        "hold_episode",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("crm_id", sa.String(length=255), nullable=False),
        sa.Column("erp_id", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("began_at", Instant(), nullable=False),
        sa.Column("off_since", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_why", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold_episode")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("hold_episode", schema=None) as batch_op:
        batch_op.create_index(
            "uq_hold_episode_open",
            ["link_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "lane",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lane")),
    )
    op.create_table(
        "link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("reconciled_rev", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("explanation", sa.LargeBinary(), nullable=True),
        sa.Column("weights", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.create_index(
            "ix_link_due",
            ["entity", "id"],
            unique=False,
            sqlite_where=sa.text("rev > reconciled_rev"),
            postgresql_where=sa.text("rev > reconciled_rev"),
        )

    op.create_table(
        "map_version",
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_map_version")),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "notice",
        sa.Column("cause", sa.String(length=160), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("told_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("cause", name=op.f("pk_notice")),
    )
    op.create_table(
        "outgoing",
        sa.Column("destination", sa.String(length=80), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("destination", "id", name=op.f("pk_outgoing")),
    )
    with op.batch_alter_table("outgoing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outgoing_due_at"), ["due_at"], unique=False)

    op.create_table(
        "paused",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("code", sa.String(length=32), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_paused")),
    )
    op.create_table(
        "plan",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("approved_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
    )
    op.create_table(
        "process_case",
        sa.Column("process", sa.String(length=32), nullable=False),
        sa.Column("source_id", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), server_default="", nullable=False),
        sa.Column("seen_hash", sa.LargeBinary(), nullable=True),
        sa.Column("stable_since", Instant(), nullable=True),
        sa.Column("snapshot", sa.LargeBinary(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("process", "source_id", name=op.f("pk_process_case")),
    )
    op.create_table(
        "record_key",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("record_id", sa.String(length=255), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_key")),
        sa.UniqueConstraint(
            "side", "entity", "record_id", name=op.f("uq_record_key_side_entity_record_id")
        ),
    )
    op.create_table(
        "refused_pair",
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("crm_id", sa.String(length=255), nullable=False),
        sa.Column("erp_id", sa.String(length=255), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "crm_id", "erp_id", name=op.f("pk_refused_pair")),
    )
    op.create_table(
        "resolution",
        sa.Column("link_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("choice", sa.String(length=8), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("crm_seen", sa.String(length=32), nullable=False),
        sa.Column("erp_seen", sa.String(length=32), nullable=False),
        sa.Column("ownership", sa.String(length=8), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("standing", sa.String(length=8), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("link_id", "field", name=op.f("pk_resolution")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("counts", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_table(
        "seal",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("newest_at", Instant(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("thinned", sa.LargeBinary(), nullable=True),
        sa.Column("pruned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_seal")),
    )
    op.create_table(
        "stop",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("field", sa.String(length=255), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stop")),
        sa.UniqueConstraint(
            "side", "entity", "kind", "field", name=op.f("uq_stop_side_entity_kind_field")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "suggestion",
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("crm_id", sa.String(length=255), nullable=False),
        sa.Column("erp_id", sa.String(length=255), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("explanation", sa.LargeBinary(), nullable=True),
        sa.Column("weights", sa.Text(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "crm_id", "erp_id", name=op.f("pk_suggestion")),
    )
    with op.batch_alter_table("suggestion", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_suggestion_entity_erp_id"), ["entity", "erp_id"], unique=False
        )

    op.create_table(
        "tally",
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("field", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint(
            "side", "entity", "kind", "field", "subject", name=op.f("pk_tally")
        ),
    )
    with op.batch_alter_table("tally", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tally_at"), ["at"], unique=False)

    op.create_table(
        "undo",
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("instead", sa.LargeBinary(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("link_id", "side", "field", name=op.f("pk_undo")),
    )
    op.create_table(
        "attached",
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("away", sa.String(length=16), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name=op.f("fk_attached_link_id_link")),
        sa.PrimaryKeyConstraint("side", "entity", "id", name=op.f("pk_attached")),
    )
    with op.batch_alter_table("attached", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attached_link_id"), ["link_id"], unique=False)

    op.create_table(
        "hold_override",
        sa.Column("episode_id", sa.Integer(), nullable=False),
        sa.Column("deal_id", sa.String(length=255), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["episode_id"],
            ["hold_episode.id"],
            name=op.f("fk_hold_override_episode_id_hold_episode"),
        ),
        sa.PrimaryKeyConstraint("episode_id", "deal_id", name=op.f("pk_hold_override")),
    )
    op.create_table(
        "hold_pause",
        sa.Column("episode_id", sa.Integer(), nullable=False),
        sa.Column("deal_id", sa.String(length=255), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("mark_stage", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["episode_id"], ["hold_episode.id"], name=op.f("fk_hold_pause_episode_id_hold_episode")
        ),
        sa.PrimaryKeyConstraint("episode_id", "deal_id", name=op.f("pk_hold_pause")),
    )
    with op.batch_alter_table("hold_pause", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_pause_link_id"), ["link_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_hold_pause_state"), ["state"], unique=False)

    op.create_table(
        "member",
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("base", sa.LargeBinary(), nullable=False),
        sa.Column("base_map_version", sa.String(length=64), nullable=False),
        sa.Column("older", sa.LargeBinary(), nullable=True),
        sa.Column("unconfirmed", sa.LargeBinary(), nullable=True),
        sa.Column("unconfirmed_since", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name=op.f("fk_member_link_id_link")),
        sa.PrimaryKeyConstraint("link_id", "side", name=op.f("pk_member")),
        sa.UniqueConstraint("side", "entity", "id", name=op.f("uq_member_side_entity_id")),
    )
    op.create_table(
        "open_field",
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name=op.f("fk_open_field_link_id_link")),
        sa.PrimaryKeyConstraint("link_id", "field", name=op.f("pk_open_field")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("target", sa.String(length=3), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("record_id", sa.String(length=255), nullable=True),
        sa.Column("source_entity", sa.String(length=32), nullable=True),
        sa.Column("source_id", sa.String(length=255), nullable=True),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.Column("expected", sa.LargeBinary(), nullable=False),
        sa.Column("bases", sa.LargeBinary(), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("reference", sa.String(length=64), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("map_version", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("limit_kind", sa.String(length=12), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("waits_for", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name=op.f("fk_outbox_link_id_link")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_limit_kind",
            ["target", "entity", "limit_kind"],
            unique=False,
            sqlite_where=sa.text("limit_kind IS NOT NULL"),
            postgresql_where=sa.text("limit_kind IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_outbox_target_state_priority_due_at"),
            ["target", "state", "priority", "due_at"],
            unique=False,
        )
        batch_op.create_index("uq_outbox_link_target", ["link_id", "target"], unique=True)

    op.create_table(
        "record",
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("entity", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("modified", Instant(), nullable=True),
        sa.Column("instant", Instant(), nullable=False),
        sa.Column("presence", sa.String(length=16), nullable=False),
        sa.Column("merged_into", sa.String(length=255), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("map_version", sa.String(length=64), nullable=False),
        sa.Column("sweep", sa.Integer(), nullable=False),
        sa.Column("first_seen", Instant(), nullable=False),
        sa.Column("absent_since", Instant(), nullable=True),
        sa.Column("refetch_at", Instant(), nullable=True),
        sa.Column("refetch_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problems", sa.LargeBinary(), nullable=True),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("unlinked", sa.String(length=16), nullable=True),
        sa.Column("to_match", sa.Boolean(), nullable=True),
        sa.Column("to_sum", sa.Boolean(), nullable=True),
        sa.Column("signals", sa.LargeBinary(), nullable=True),
        sa.Column("signals_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name=op.f("fk_record_link_id_link")),
        sa.PrimaryKeyConstraint("side", "entity", "id", name=op.f("pk_record")),
    )
    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.create_index(
            "ix_record_merged",
            ["link_id"],
            unique=False,
            sqlite_where=sa.text("merged_into IS NOT NULL"),
            postgresql_where=sa.text("merged_into IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_record_refetch_at"), ["refetch_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_record_side_entity_link_id"), ["side", "entity", "link_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_record_side_entity_reference"),
            ["side", "entity", "reference"],
            unique=False,
        )
        batch_op.create_index(
            "ix_record_to_match",
            ["entity", "side", "id"],
            unique=False,
            sqlite_where=sa.text("to_match IS NOT NULL"),
            postgresql_where=sa.text("to_match IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_record_to_sum",
            ["entity", "id"],
            unique=False,
            sqlite_where=sa.text("to_sum IS NOT NULL"),
            postgresql_where=sa.text("to_sum IS NOT NULL"),
        )
