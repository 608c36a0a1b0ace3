"""Calls through Asterisk: ARI, the media WebSocket, and the life of one line."""
