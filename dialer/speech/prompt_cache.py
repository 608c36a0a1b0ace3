"""Rendered prompts on disk: one file per text, voice and format, within a budget, least recently used first out.

Several processes may share the folder: files appear whole (write aside, then rename), and a file that another process
has removed is simply not there. A disk that fails costs the cache, never a call.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from pathlib import Path

import structlog

log = structlog.get_logger()

#: Part of the key: audio format and version of its making.
_FORMAT = "slin-8000-3"
#: Evict down to this share of the budget, so that not every new prompt evicts.
_AFTER_EVICTION = 0.9
#: Prompts kept in memory: the fixed texts that every call needs.
_MEMORY_BYTES = 8 * 1024 * 1024


def prompt_key(provider: str, voice: str, text: str) -> str:
    """The name of a prompt's file; it tells nothing about the text."""
    return hashlib.sha256("\0".join((_FORMAT, provider, voice, text)).encode()).hexdigest()


class PromptCache:
    """Blocking and thread-safe; call it in a worker thread."""

    def __init__(self, folder: Path, max_mb: int) -> None:
        self._folder = folder
        self._budget = max_mb * 1024 * 1024
        self._lock = threading.Lock()
        self._on_disk: int | None = None
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._in_memory = 0

    def held(self, key: str) -> bytes | None:
        """The prompt if it is in memory: no I/O, so the event loop may ask."""
        with self._lock:
            pcm = self._memory.get(key)
            if pcm is not None:
                self._memory.move_to_end(key)
            return pcm

    def get(self, key: str) -> bytes | None:
        """The prompt, or None."""
        pcm = self.held(key)
        if pcm is not None:
            return pcm
        path = self._path(key)
        try:
            pcm = path.read_bytes()
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("prompt_cache.unreadable", key=key, error=str(error))
            return None
        self._hold(key, pcm)
        return pcm

    def put(self, key: str, pcm: bytes) -> None:
        """Keep the prompt."""
        self._hold(key, pcm)
        path = self._path(key)
        aside = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            aside.write_bytes(pcm)
            aside.chmod(0o600)
            aside.replace(path)
            with self._lock:
                self._account(len(pcm))
        except OSError as error:
            log.warning("prompt_cache.not_written", key=key, error=str(error))

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.pcm"

    def _hold(self, key: str, pcm: bytes) -> None:
        with self._lock:
            self._in_memory += len(pcm) - len(self._memory.pop(key, b""))
            self._memory[key] = pcm
            while self._in_memory > _MEMORY_BYTES:
                _, dropped = self._memory.popitem(last=False)
                self._in_memory -= len(dropped)

    def _account(self, added: int) -> None:
        if self._on_disk is None:
            self._on_disk = sum(size for _, size, _ in self._files())
        else:
            self._on_disk += added
        if self._on_disk > self._budget:
            self._evict()

    def _evict(self) -> None:
        """Count what is really there (other processes write too) and remove the longest unused.

        What is in memory is in use, though its file has not been touched for long.
        """
        files = sorted(self._files(), key=lambda file: (file[2].stem in self._memory, file[0]))
        total = sum(size for _, size, _ in files)
        removed = 0
        for _, size, path in files:
            if total - removed <= self._budget * _AFTER_EVICTION:
                break
            path.unlink(missing_ok=True)
            removed += size
        self._on_disk = total - removed
        log.info("prompt_cache.evicted", bytes=removed)

    def _files(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self._folder.glob("??/*.pcm"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # another process evicted it
            found.append((status.st_mtime, status.st_size, path))
        return found
