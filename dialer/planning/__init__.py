"""How many lines a campaign needs, or when it will end: a simulation of its calls, without telephony or ledger."""

from dialer.planning.model import CallModel, Draws, Need
from dialer.planning.search import Plan, make_plan
from dialer.planning.simulation import Hour, Run, simulate

__all__ = ["CallModel", "Draws", "Hour", "Need", "Plan", "Run", "make_plan", "simulate"]
