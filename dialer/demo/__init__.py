"""The demo: a whole campaign on this machine, with real broker, ledger and workers and a simulated world."""
