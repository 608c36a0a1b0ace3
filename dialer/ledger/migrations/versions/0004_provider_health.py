"""How each call worker's speech providers fare: what the dispatcher's back-pressure reads."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table of its own: workers of the last release go on beside it."""
    op.execute(
        """
        CREATE TABLE providers (
            worker TEXT NOT NULL,
            provider TEXT NOT NULL,
            healthy BOOLEAN NOT NULL,
            since TIMESTAMP WITH TIME ZONE NOT NULL,
            reported_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_providers PRIMARY KEY (worker, provider)
        )
        """
    )


def downgrade() -> None:
    """Migrations go forward only."""
    raise NotImplementedError
