"""The Celery application, the beat schedule and the loop host."""
