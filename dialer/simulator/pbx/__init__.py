"""A simulated PBX that speaks Asterisk's ARI and media WebSocket, with simulated phones behind it."""

from dialer.simulator.pbx.callees import OPERATOR, contract_callees
from dialer.simulator.pbx.phone import Callee, Callees, Phone
from dialer.simulator.pbx.records import CallRecord, read_calls
from dialer.simulator.pbx.server import SimulatedPbx

__all__ = ["OPERATOR", "CallRecord", "Callee", "Callees", "Phone", "SimulatedPbx", "contract_callees", "read_calls"]
