"""Calls: each attempt from claim to settlement, and a worker's hold on those that run."""

from dialer.calls.leases import LEASE_BEAT_S, abandon, keep_leases
from dialer.calls.ports import CallPorts, OrderLookup
from dialer.calls.providers import Watched, watch_providers
from dialer.calls.settling import settle
from dialer.calls.story import SETTLED_IN_SHOP, run_attempt

__all__ = [
    "LEASE_BEAT_S",
    "SETTLED_IN_SHOP",
    "CallPorts",
    "OrderLookup",
    "Watched",
    "abandon",
    "keep_leases",
    "run_attempt",
    "settle",
    "watch_providers",
]
