"""Nodes that ops have taken out of service."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column with a default: workers of the last release go on beside it."""
    op.execute("ALTER TABLE trunks ADD COLUMN drained BOOLEAN DEFAULT false NOT NULL")


def downgrade() -> None:
    """Migrations go forward only."""
    raise NotImplementedError
