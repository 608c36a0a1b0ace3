"""Import: a CSV of a million rows into PostgreSQL beside a bare COPY of the same rows, and batches by API.

python -m scripts.bench.imports [--quick] [--rows 1000000] [--api-rows 100000]
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from dialer.embedded.children import wait_until
from scripts import make_orders_csv
from scripts.bench.report import Figure, finish
from scripts.bench.services import Services

API_BATCH = 5000
TOKEN = "bench"
#: Arguments of `python` for the product's command line.
DIALER = ("-c", "from dialer.cli import main; main()")
_LOOK_S = 0.5
#: A table like the product's own, with all its indexes and checks.
_LIKE = "CREATE TABLE same_orders (LIKE orders INCLUDING ALL)"


def import_csv(services: Services, csv: Path) -> dict[str, float]:
    """`dialer import`, as a process of its own: seconds and memory over time."""
    began = time.monotonic()
    services.processes.start("import", [*DIALER, "import", str(csv), "--campaign", "bench", "--json"])
    memory: list[float] = []
    while services.processes.is_alive("import"):
        try:
            memory.append(services.rss_mb("import"))
        except (OSError, IndexError, ValueError):
            break
        time.sleep(_LOOK_S)
    wait_until(lambda: not services.processes.is_alive("import"), 60)
    seconds = time.monotonic() - began
    done = json.loads(services.processes.log_tail("import").splitlines()[-1])
    early = max(memory[: max(1, len(memory) // 4)])
    return {"seconds": seconds, "accepted": done["accepted"], "early_mb": early, "peak_mb": max(memory)}


def bare_copy(services: Services, folder: Path) -> float:
    """Seconds of a COPY of what was imported into a table like `orders`."""
    dump = folder / "orders.copy"
    with services.connect() as db:
        with dump.open("wb") as file, db.cursor().copy("COPY orders TO STDOUT") as copy:
            for data in copy:
                file.write(data)
        db.execute(_LIKE)
        began = time.monotonic()
        with dump.open("rb") as file, db.cursor().copy("COPY same_orders FROM STDIN") as copy:
            while data := file.read(1 << 17):
                copy.write(data)
        return time.monotonic() - began


def by_api(services: Services, rows: int) -> float:
    """Seconds for orders in JSON batches over HTTP."""
    port = _free_port()
    services.processes.start("api", [*DIALER, "api", "--port", str(port)], env={"DIALER_API__CONTROL_TOKEN": TOKEN})
    wait_until(lambda: _answers(port), 30)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    orders = (_order(number) for number in range(rows))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.monotonic()
    while batch := list(islice(orders, API_BATCH)):
        connection.request("POST", "/api/v1/campaigns/bench/batches", json.dumps({"orders": batch}), headers)
        answer = connection.getresponse()
        taken = json.loads(answer.read())
        if answer.status >= 300 or taken["accepted"] != len(batch):
            sys.exit(f"bench: the API answered {answer.status}: {taken}")
    seconds = time.monotonic() - began
    services.processes.stop("api")
    return seconds


def _order(number: int) -> dict[str, str]:
    return {
        "order_id": f"A{number}",
        "phone": f"8{9_200_000_000 + number}",
        "amount": "3 200,00",
        "customer_name": "Анна",
        "delivery_date": "25.12.2026",
        "delivery_window": "10-14",
        "address": "Казань",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def measure(rows: int, api_rows: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as name:
        folder = Path(name)
        csv = folder / "orders.csv"
        make_orders_csv.main(rows, csv)
        with Services(folder) as services:
            done = import_csv(services, csv)
            copied = bare_copy(services, folder)
            api = by_api(services, api_rows)
    return [
        Figure("import_csv", done["seconds"], "s", f"{rows:,} rows by `dialer import`, {done['accepted']:,} accepted"),
        Figure("import_copy", copied, "s", "bare COPY of the accepted rows into a table with the same indexes"),
        Figure("import_over_copy", done["seconds"] / copied, "x", "the first by the second", target="<= 4"),
        Figure("import_peak_mb", done["peak_mb"], "MB", "most memory of the importing process"),
        Figure("import_growth_mb", done["peak_mb"] - done["early_mb"], "MB", "of that after its first quarter"),
        Figure(
            "import_api_rows_per_s",
            api_rows / api,
            "rows/s",
            f"{api_rows:,} orders by API, {API_BATCH} at a time",
            higher_is_better=True,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--api-rows", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    given = parser.parse_args()
    share = 10 if given.quick else 1
    finish("imports", measure(given.rows // share, given.api_rows // share), quick=given.quick)


if __name__ == "__main__":
    main()
