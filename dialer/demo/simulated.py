"""A telephone network, its customers and a shop as children of a demo: nobody is really called."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dialer.simulator.world import Crowd, save_phrase_bank

if TYPE_CHECKING:
    from dialer.demo.processes import Processes

#: Divides the retry countdowns of a rehearsal: 30 minutes become 30 seconds.
REHEARSAL_TIME_SCALE = 60.0
#: Who lives behind which number.
CROWD_SEED = 149


def start_shop(processes: Processes, log: Path) -> list[str]:
    """Start the shop, tell everybody where it is; the arguments that start it again."""
    token = secrets.token_urlsafe(16)
    processes.env |= {"DIALER_ORDERS_API__TOKEN": token, "SHOP_TOKEN": token}
    argv = ["-m", "dialer.simulator.shop", "--log", str(log)]
    port = str(processes.start_ready("shop", [*argv, "--port", "0"])["port"])
    processes.env["DIALER_ORDERS_API__URL"] = f"http://127.0.0.1:{port}"
    return [*argv, "--port", port]


def start_pbx(processes: Processes, options: Sequence[str], port: int = 0) -> list[str]:
    """Start the simulated PBX, tell everybody where it is; the arguments that start it again."""
    argv = ["-m", "dialer.simulator.pbx", *options]
    pbx = processes.start_ready("pbx", [*argv, "--port", str(port)])
    processes.env |= {
        "DIALER_ARI__URL": pbx["ari_url"],
        "DIALER_ARI__USERNAME": pbx["username"],
        "DIALER_ARI__PASSWORD": pbx["password"],
    }
    return [*argv, "--port", str(pbx["port"])]


def start_rehearsal(processes: Processes) -> dict[str, list[str]]:
    """Shop and PBX of `dialer up --simulate`, with somebody behind every number; parts by name, to be watched."""
    folder = processes.folder
    bank = folder / "phrase-bank.json"
    save_phrase_bank(Crowd(CROWD_SEED), bank)
    processes.env |= {
        "DIALER_SPEECH__RECOGNIZER": "phrase_bank",
        "DIALER_SPEECH__SYNTHESIZER": "offline",
        "DIALER_SPEECH__PHRASE_BANK": str(bank),
        "DIALER_TIME_SCALE": str(REHEARSAL_TIME_SCALE),
    }
    parts = {
        "shop": start_shop(processes, folder / "shop.jsonl"),
        "pbx": start_pbx(processes, ["--crowd", str(CROWD_SEED)]),
    }
    _save_environment(processes.env, folder / "simulation.env")
    return parts


def _save_environment(env: Mapping[str, str], path: Path) -> None:
    """For commands beside it that talk to the PBX or the shop: `. simulation.env`. Holds passwords."""
    path.touch(mode=0o600)
    wanted = ("DIALER_ARI__", "DIALER_SPEECH__", "DIALER_ORDERS_API__", "DIALER_TIME_SCALE")
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in env.items() if name.startswith(wanted)]
    path.write_text("".join(lines), "utf-8")
