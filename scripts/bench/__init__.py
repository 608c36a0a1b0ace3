"""Measurements of what the product exists for; `make bench` runs them, docs/performance.md shows them."""
