"""Recordings and transcripts on disk, found by what their attempt says of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dialer.errors import NotFoundError


def recording_of(home: Path, artifacts: Mapping[str, Any]) -> Path:
    """The recording's file. Raises NotFoundError."""
    return _existing(home, artifacts, "recording")


async def transcript_of(home: Path, artifacts: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The transcript's lines (see `conversation.recording.Line`); None if there is none (any more)."""
    try:
        path = _existing(home, artifacts, "transcript")
        text = await asyncio.to_thread(path.read_text, "utf-8")
    except (NotFoundError, OSError):
        return None
    lines: list[dict[str, Any]] = json.loads(text)["lines"]
    return lines


def _existing(home: Path, artifacts: Mapping[str, Any], key: str) -> Path:
    """A file under `home`; nothing outside of it is ever served."""
    named = artifacts.get(key)
    path = (home / str(named)).resolve()
    if named is None or not path.is_relative_to(home.resolve()) or not path.is_file():
        raise NotFoundError(f"this attempt has no {key}, or its time has run out")
    return path
