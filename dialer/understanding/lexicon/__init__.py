"""What customers say, as tables: classes of words, phrases by cue, slips of recognition. No logic lives here."""
