"""The face for programs and browsers: JSON API, live board, health and metrics."""
