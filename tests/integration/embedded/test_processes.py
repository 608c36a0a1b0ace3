"""The children of a demo or a fault campaign end with their parent, however it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dialer.embedded.children import wait_until

#: Starts two children and waits to be killed.
PARENT = """
import sys
from pathlib import Path
from dialer.demo.processes import Processes
running = Processes(Path(sys.argv[1]), {})
for name in ("a", "b"):
    running.start_ready(name, ["-c", CHILD, sys.argv[1], name])
print("started", flush=True)
sys.stdin.read()
"""
#: When it is told to end, it waits until the other one has been told, too.
CHILD = """
import signal, sys, time
from pathlib import Path
folder, name = Path(sys.argv[1]), sys.argv[2]
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
Path(sys.argv[sys.argv.index("--ready") + 1]).write_text("{}")
signal.sigwait({signal.SIGTERM})
(folder / f"{name}.told").touch()
other = folder / ("b.told" if name == "a" else "a.told")
while not other.exists():
    time.sleep(0.01)
(folder / f"{name}.ended").touch()
"""


def test_all_children_of_a_killed_parent_are_told_at_once(tmp_path: Path) -> None:
    # Given
    code = f"CHILD = {CHILD!r}\n{PARENT}"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        # When
        parent.kill()
    # Then neither waits for the other's end
    assert wait_until(lambda: all((tmp_path / f"{name}.ended").exists() for name in "ab"), 15.0)
