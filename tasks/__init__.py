"""Celery entry points: each parses ids and calls one use case."""
