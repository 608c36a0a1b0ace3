"""The conversation: dialogue, script, turn-taking and the session that joins line, speech and understanding."""
