"""The options that both homes of the personas share: the simulated PBX, and the application behind an Asterisk."""

from __future__ import annotations

import argparse
from pathlib import Path

from dialer.simulator.diary import Diary
from dialer.simulator.pbx import Callees, contract_callees
from dialer.simulator.world import Crowd, World, WorldCallees


def add_world_options(parser: argparse.ArgumentParser) -> None:
    """`--username`, `--password-env`, `--world` or `--crowd`, `--ready` and `--diary`."""
    parser.add_argument("--username", default="dialer")
    parser.add_argument("--password-env", default="DIALER_ARI__PASSWORD", help="variable that holds the password")
    people = parser.add_mutually_exclusive_group()
    people.add_argument("--world", type=Path, help="world file: who lives behind which number")
    people.add_argument("--crowd", type=int, metavar="SEED", help="somebody lives behind every number")
    parser.add_argument("--ready", type=Path, help="file to write once it takes calls")
    parser.add_argument("--diary", type=Path, help="file for the customers' own account of their calls (JSON lines)")


def callees_of(given: argparse.Namespace) -> Callees:
    """Who answers: the world's residents or the crowd, else the contract's callees. Raises InputError."""
    diary = Diary(given.diary) if given.diary else None
    if given.crowd is not None:
        return WorldCallees(Crowd(given.crowd), diary=diary)
    return WorldCallees(World.load(given.world), diary=diary) if given.world else contract_callees
