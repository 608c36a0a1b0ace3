"""Batches by API: an idempotency key with its answer; attempts that have files are found without a scan."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE batches ADD COLUMN idempotency_key TEXT, ADD COLUMN request_digest TEXT, ADD COLUMN answer JSONB",
    """
    CREATE UNIQUE INDEX uq_batches_idempotency ON batches (campaign_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL
    """,
    """
    CREATE INDEX ix_attempts_files ON attempts (ended_at)
    WHERE artifacts ? 'recording' OR artifacts ? 'transcript'
    """,
)


def upgrade() -> None:
    """Columns and indexes are added; existing batches have no key."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Migrations go forward only."""
    raise NotImplementedError
