"""The simulated world: a PBX that speaks ARI, simulated customers, and a shop with an orders API."""
