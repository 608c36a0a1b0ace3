"""PostgreSQL and Redis as child processes, for demos, tests and first steps."""
