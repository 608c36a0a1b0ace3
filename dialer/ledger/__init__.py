"""The ledger: PostgreSQL tables, claims and queries. The ledger is the truth; the broker carries hints."""
