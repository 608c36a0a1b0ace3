"""The guard: a small process that runs one embedded server for as long as somebody uses it.

Run as a script (`python -I -S guard.py SPEC`), standard library only, single-threaded until its child runs. Every
user of the server holds a shared lock on one file; the guard waits for the exclusive lock, which the kernel grants
when the last user has let go or died, by whatever signal. It then ends the server. Should the guard itself be
killed, the parent-death signal ends the server (Linux).

SPEC is JSON: `argv`; `lock` (the users' lock file; null runs the command once, to its end); `hold` (false lets go of
it at once, so that other guards of the same lock end their servers at the same time); `pid_file`; `user` (to
run as; null keeps the present one); `search` (true keeps the right to pass folders closed to that user);
`stop_signal`; `stop_timeout_s`. Folders in `remove` are deleted at the end.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
#: access(2), by which initdb looks for `postgres`, ignores capabilities unless this is set (capabilities(7)).
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522


def _become(user: str, search: bool) -> None:
    """Change from root to `user` for good.

    With `search`, one capability survives (CAP_DAC_OVERRIDE, made ambient): an installation or output folder below
    a closed home such as /root stays reachable. Where the kernel refuses, the server's own log says what it missed.
    """
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    if not search or sys.platform != "linux":
        os.setuid(entry.pw_uid)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setuid(entry.pw_uid)
    bit = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    libc.capset(header, sets)
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _before_exec(spec: dict[str, Any], parent: int, stop_signal: int) -> None:
    """In the child: drop root, then (a change of user clears it) ask for the parent-death signal."""
    if spec.get("user"):
        _become(spec["user"], bool(spec.get("search")))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _stop_when_unused(
    lock: str, child: subprocess.Popen[bytes], stop_signal: int, timeout_s: float, *, hold: bool
) -> None:
    """Wait for the last user to go and end the server; with `hold`, nobody gets the lock before this process ends."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    if not hold:
        os.close(handle)
    child.send_signal(stop_signal)
    try:
        child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        child.kill()


def main() -> int:
    """Run the server; the exit code is the server's."""
    spec: dict[str, Any] = json.loads(sys.argv[1])
    stop_signal = int(spec.get("stop_signal", signal.SIGTERM))
    parent = os.getpid()
    child = subprocess.Popen(spec["argv"], preexec_fn=lambda: _before_exec(spec, parent, stop_signal))  # noqa: S603, PLW1509
    if spec.get("pid_file"):
        Path(spec["pid_file"]).write_text(str(child.pid))
    signal.signal(signal.SIGTERM, lambda *_: child.send_signal(stop_signal))
    if spec.get("lock"):
        timeout_s = float(spec.get("stop_timeout_s", 10.0))
        threading.Thread(
            target=_stop_when_unused,
            args=(spec["lock"], child, stop_signal, timeout_s),
            kwargs={"hold": bool(spec.get("hold", True))},
            daemon=True,
        ).start()
    code = child.wait()
    for folder in spec.get("remove", []):
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
