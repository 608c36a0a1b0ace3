"""A fault campaign: how much, for how long, and who lives in its world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from pathlib import Path
from random import Random

from dialer.domain.campaign import CampaignPlan
from dialer.domain.order import Order
from dialer.domain.policy import CallingWindow
from dialer.simulator.world import World

#: Two at once: the same number may be in both.
CAMPAIGNS = ("chaos-a", "chaos-b")
#: Every so many orders, one goes to the number of the order before it, which is in the other campaign.
SHARED_NUMBER_EVERY = 25
#: Customers who answer quickly or fail quickly; nobody who only costs time.
WEIGHTS = {
    "confirms": 52.0,
    "cancels": 14.0,
    "busy": 10.0,
    "rejects": 4.0,
    "no_answer": 6.0,
    "hangs_up_early": 6.0,
    "congested": 5.0,
    "wrong_number": 3.0,
}


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    """What to run. `mischief`: two beats, clocks a minute apart, every message twice and in any order."""

    out: Path
    orders: int = 400
    seed: int = 1
    lines: int = 30
    minutes: float = 10.0
    time_scale: float = 1800.0
    asterisk: bool = False
    mischief: bool = False
    #: Shortest and longest pause between two faults, in seconds.
    pause_s: tuple[float, float] = (1.0, 4.0)
    #: Names of the faults to inject; empty: all.
    faults: Sequence[str] = ()
    #: Faults in all, at most.
    most_faults: int = 1000
    #: Whether a full disk may be a tiny file system (see `faults.isolate_mounts`).
    may_mount: bool = False


def campaign_plan(plan: ChaosPlan, name: str) -> CampaignPlan:
    """Round the clock and in a hurry."""
    midnight = time(0, 0)
    return CampaignPlan(
        name=name,
        script="chaos",
        window=CallingWindow(midnight, midnight),
        lines=-(-plan.lines // len(CAMPAIGNS)),
        ring_timeout_s=5.0,
        max_call_s=40.0,
    )


def make_orders(plan: ChaosPlan) -> list[Order]:
    """Orders for distinct numbers, except for a few that share one."""
    rng = Random(plan.seed)
    numbers = [f"+7916{digits:07d}" for digits in rng.sample(range(10**7), plan.orders)]
    for place in range(SHARED_NUMBER_EVERY, plan.orders, SHARED_NUMBER_EVERY):
        numbers[place] = numbers[place - 1]
    return [Order(f"{1000 + place}", number, Decimal(100)) for place, number in enumerate(numbers)]


def orders_of(orders: Sequence[Order], name: str) -> Sequence[Order]:
    """The orders of one of the campaigns."""
    return orders[CAMPAIGNS.index(name) :: len(CAMPAIGNS)]


def make_world(plan: ChaosPlan, orders: Sequence[Order]) -> World:
    """Who answers. Shared numbers belong to people who answer at once: their daily cap would end the campaign."""
    world = World.assign([order.phone for order in orders], seed=plan.seed, weights=WEIGHTS)
    quick = next(resident for resident in world.residents.values() if resident.persona == "confirms")
    met: set[str] = set()
    for order in orders:
        if order.phone in met:
            world.residents[order.phone] = quick
        met.add(order.phone)
    return world
