"""A disk without room for recordings: a tiny file system where that is allowed, else a file in the folder's place."""

from __future__ import annotations

import asyncio
import ctypes
import subprocess
import sys
from pathlib import Path

#: How long the disk stays full.
DISK_FULL_S = 8.0
_SMALLEST_DISK = "size=16k,mode=0755"
#: unshare(2): mounts of one's own.
_CLONE_NEWNS = 0x00020000


def isolate_mounts() -> bool:
    """Give this process and its children mounts of their own, which end with the last of them; False if not allowed.

    Call it before any thread is started.
    """
    if sys.platform != "linux" or ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        return False
    return _ran("mount", "--make-rprivate", "/")


class FullDisk:
    """The folder of the recordings, which can be full."""

    def __init__(self, recordings: Path, *, may_mount: bool) -> None:
        self._recordings, self._may_mount = recordings, may_mount
        self._moved = recordings.with_name(f"{recordings.name}-before-full")

    async def be_full(self) -> None:
        """For DISK_FULL_S."""
        if not await asyncio.to_thread(self._mount):
            if self._recordings.is_dir():
                self._recordings.rename(self._moved)
            self._recordings.write_text("not a folder")
        await asyncio.sleep(DISK_FULL_S)
        await asyncio.to_thread(self.free)

    def _mount(self) -> bool:
        if not self._may_mount:
            return False
        self._recordings.mkdir(exist_ok=True)
        return _ran("mount", "-t", "tmpfs", "-o", _SMALLEST_DISK, "dialer-chaos", self._recordings)

    def free(self) -> None:
        """Room again."""
        if self._recordings.is_mount():
            _ran("umount", "-l", self._recordings)
        elif self._recordings.is_file():
            self._recordings.unlink()
            if self._moved.is_dir():
                self._moved.rename(self._recordings)


def _ran(*command: str | Path) -> bool:
    try:
        return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False
