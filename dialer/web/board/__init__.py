"""The live board: server-rendered pages that update themselves."""
