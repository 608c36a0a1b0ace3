"""Fault campaigns: the whole product under fire, judged by the far sides (PBX, customers, shop)."""
