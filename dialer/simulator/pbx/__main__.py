"""The simulated PBX as a process: `python -m dialer.simulator.pbx --world world.json --ready ready.json`.

Without `--world` the contract's callees answer. Once it listens, `{"port", "ari_url", "username", "password",
"pid"}` is printed as one JSON line; with `--ready` it is written to that file, and the line leaves the password out.
Ends on SIGTERM, SIGINT, or its parent's death.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import uvloop

from dialer.errors import DialerError
from dialer.simulator.options import add_world_options, callees_of
from dialer.simulator.pbx import Callees, SimulatedPbx
from dialer.simulator.pbx.server import serve_until
from dialer.simulator.process import announce, die_with_parent, stop_on_signals


def main() -> None:
    """Parse, listen, serve."""
    parser = argparse.ArgumentParser(
        prog="python -m dialer.simulator.pbx", description="A simulated PBX with customers."
    )
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--records", type=Path, help="CSV file for the far side's call records")
    add_world_options(parser)
    given = parser.parse_args()
    die_with_parent()
    try:
        uvloop.run(_serve(given, callees_of(given)))
    except (DialerError, OSError) as error:
        sys.exit(f"simulated PBX: {error}")


async def _serve(given: argparse.Namespace, callees: Callees) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    password = os.environ.get(given.password_env) or None
    pbx = SimulatedPbx(callees, port=given.port, username=given.username, password=password, records=given.records)
    await serve_until(pbx, stop, lambda ready: _announce(ready, given.ready))


def _announce(pbx: SimulatedPbx, ready: Path | None) -> None:
    access: dict[str, object] = {
        "port": pbx.port,
        "ari_url": pbx.ari_url,
        "username": pbx.username,
        "password": pbx.password,
        "pid": os.getpid(),
    }
    if ready is not None:
        announce(ready, access)
        del access["password"]
    sys.stdout.write(json.dumps(access) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
