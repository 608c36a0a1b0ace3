"""Finding an Asterisk that can be run: a root folder made by `make asterisk`, or one on PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

#: First version with `chan_websocket` and its JSON messages in the 22 branch.
MINIMUM_VERSION = (22, 6)
#: Where `scripts/asterisk.sh` installs, below the source tree.
CHECKOUT_ROOT = ".asterisk"
_LIBRARY_FOLDERS = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib")
_LOADERS = ("lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1")


@dataclass(frozen=True, slots=True)
class AsteriskProgram:
    """An installed Asterisk: how to run it and where its modules and data are."""

    argv: tuple[str, ...]
    modules: Path
    data: Path
    version: tuple[int, ...]


def find_asterisk() -> AsteriskProgram | None:
    """The first that is there and new enough: `DIALER_ASTERISK_ROOT`, `.asterisk/` of the checkout, PATH."""
    named = os.environ.get("DIALER_ASTERISK_ROOT")
    checkout = Path(__file__).resolve().parents[2] / CHECKOUT_ROOT
    for root in [Path(named)] if named else [checkout, Path("/")]:
        program = _in_root(root) if root != Path("/") else _on_path()
        if program is not None and program.version >= MINIMUM_VERSION:
            return program
    return None


def _in_root(root: Path) -> AsteriskProgram | None:
    """An Asterisk in a root folder of its own, run from outside by that folder's own dynamic loader.

    No chroot, so no root rights are needed, and the folder's C library may be newer than the system's.
    """
    loader = next((root / path for path in _LOADERS if (root / path).exists()), None)
    libraries = [root / path for path in _LIBRARY_FOLDERS if (root / path).is_dir()]
    if loader is None or not (root / "usr/sbin/asterisk").is_file():
        return None
    search = ":".join(str(path) for path in libraries)
    argv = (str(loader), "--library-path", search, str(root / "usr/sbin/asterisk"))
    return _described(argv, libraries, root)


def _on_path() -> AsteriskProgram | None:
    binary = shutil.which("asterisk", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if binary is None:
        return None
    return _described((binary,), [Path("/") / path for path in _LIBRARY_FOLDERS], Path("/"))


def _described(argv: tuple[str, ...], libraries: list[Path], root: Path) -> AsteriskProgram | None:
    modules = next((path / "asterisk/modules" for path in libraries if _has_media(path / "asterisk/modules")), None)
    data = next((root / path for path in ("usr/share/asterisk", "var/lib/asterisk") if (root / path).is_dir()), None)
    if modules is None or data is None:
        return None
    return AsteriskProgram(argv, modules, data, _version(argv))


def _has_media(modules: Path) -> bool:
    return (modules / "chan_websocket.so").is_file()


def _version(argv: tuple[str, ...]) -> tuple[int, ...]:
    try:
        answer = subprocess.run([*argv, "-V"], capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    found = re.search(r"Asterisk (?:certified/)?(\d+)\.(\d+)(?:\.(\d+))?", answer)
    return tuple(int(part) for part in found.groups() if part) if found else (0,)
