"""Alembic's entry: runs on the connection that `store.migrate` hands over, in one transaction."""

from alembic import context

from dialer.ledger.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
