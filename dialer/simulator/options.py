"""The options that both homes of the personas share: the simulated PBX, and the application behind an Asterisk."""

from __future__ import annotations

import argparse
from pathlib import Path

from dialer.simulator.diary import Diary
from dialer.simulator.pbx import Callees, contract_callees
from dialer.simulator.world import World, WorldCallees


def add_world_options(parser: argparse.ArgumentParser) -> None:
    """`--username`, `--password-env`, `--world`, `--ready` and `--diary`."""
    parser.add_argument("--username", default="dialer")
    parser.add_argument("--password-env", default="DIALER_ARI__PASSWORD", help="variable that holds the password")
    parser.add_argument("--world", type=Path, help="world file: who lives behind which number")
    parser.add_argument("--ready", type=Path, help="file to write once it takes calls")
    parser.add_argument("--diary", type=Path, help="file for the customers' own account of their calls (JSON lines)")


def callees_of(given: argparse.Namespace) -> Callees:
    """Who answers: the world's residents, or the contract's callees without a world. Raises InputError."""
    diary = Diary(given.diary) if given.diary else None
    return WorldCallees(World.load(given.world), diary=diary) if given.world else contract_callees
