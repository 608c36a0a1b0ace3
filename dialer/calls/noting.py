"""Decisions are written down before they are acknowledged to the customer, whatever dies then.

First in the ledger; while PostgreSQL is away, on a slip of paper beside the recordings: the ledger gets it as soon as
it is back, from this process or from the one that takes its place.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog

from dialer.calls.ports import CallPorts, Slip
from dialer.domain.outcome import Decision
from dialer.errors import LedgerError
from dialer.ledger import claims, late
from dialer.ledger.claims import AttemptJob
from dialer.ledger.store import database_now

log = structlog.get_logger(__name__)

#: How long the closing words wait for the ledger.
NOTE_LIMIT_S = 1.0
#: How long a later try may take.
_RETRY_LIMIT_S = 5.0


async def note_decision(ports: CallPorts, job: AttemptJob, decision: Decision | None, data: dict[str, Any]) -> bool:
    """Keep what the customer decided (None: took back). Never raises, and never takes longer than NOTE_LIMIT_S.

    False if the attempt is not this worker's any more: nothing may be acknowledged to the customer.
    """
    slip = Slip(decision, data, ports.worker)
    try:
        ours = await _note(ports, job.attempt_id, slip, NOTE_LIMIT_S)
    except (LedgerError, TimeoutError) as error:
        log.warning("decision_not_noted", attempt_id=job.attempt_id, error=type(error).__name__)
        ports.unnoted[job.attempt_id] = slip
        _write(_path(ports, job.attempt_id), slip)
        return True
    forget_note(ports, job.attempt_id)
    return ours


async def retry_notes(ports: CallPorts) -> None:
    """Try again what the ledger did not get. Raises LedgerError while PostgreSQL is away."""
    for attempt_id, slip in list(ports.unnoted.items()):
        try:
            noted = await _note(ports, attempt_id, slip, _RETRY_LIMIT_S) or await _decide(ports, attempt_id, slip)
        except LedgerError as error:
            if not error.permanent:
                raise
            # The paper stays for a person to read; it must not hold up the others.
            log.error("decision_refused_by_ledger", attempt_id=attempt_id, error=str(error))
            ports.unnoted.pop(attempt_id, None)
            continue
        log.info("decision_noted_late", attempt_id=attempt_id, noted=noted)
        if ports.unnoted.get(attempt_id) is slip:
            forget_note(ports, attempt_id)


def recover_notes(ports: CallPorts) -> None:
    """Take over the slips of processes that died before the ledger was back."""
    for path in _folder(ports).glob("*.json"):
        for slip in _read(path):
            ports.unnoted.setdefault(path.stem, slip)


def forget_note(ports: CallPorts, attempt_id: str) -> None:
    """The ledger has it."""
    if ports.unnoted.pop(attempt_id, None) is not None:
        _path(ports, attempt_id).unlink(missing_ok=True)


async def _note(ports: CallPorts, attempt_id: str, slip: Slip, limit_s: float) -> bool:
    async with asyncio.timeout(limit_s), ports.ledger.begin() as tx:
        return await claims.note_decision(tx, attempt_id, slip.worker, slip.decision, slip.data)


async def _decide(ports: CallPorts, attempt_id: str, slip: Slip) -> bool:
    """The attempt has ended: if it was given up for lost, the decision counts all the same."""
    if slip.decision is None:
        return False
    async with asyncio.timeout(_RETRY_LIMIT_S), ports.ledger.begin() as tx:
        now = await database_now(tx)
        return await late.decide_late(tx, attempt_id, slip.worker, slip.decision, slip.data, now)


def _folder(ports: CallPorts) -> Path:
    return ports.settings.home / "undelivered-notes"


def _path(ports: CallPorts, attempt_id: str) -> Path:
    return _folder(ports) / f"{attempt_id}.json"


def _write(path: Path, slip: Slip) -> None:
    """To the disk itself: it may hold an address, so it is for our own user only."""
    draft = path.with_suffix(".part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.touch(mode=0o600)
        with draft.open("w", encoding="utf-8") as file:
            json.dump({"decision": slip.decision, "data": slip.data, "worker": slip.worker}, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        log.error("note_not_written", attempt_id=path.stem, errno=error.errno)


def _read(path: Path) -> Iterator[Slip]:
    try:
        content = json.loads(path.read_text("utf-8"))
        yield Slip(Decision(content["decision"]) if content["decision"] else None, content["data"], content["worker"])
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.error("note_not_read", attempt_id=path.stem, error=type(error).__name__)
