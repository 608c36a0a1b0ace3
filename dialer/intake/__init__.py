"""Orders as shops send them: CSV and JSON rows in, clean orders and explained rejects out."""
