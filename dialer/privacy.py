"""Personal data is kept as long as the settings say, and not at all once a customer asks.

Files go before the ledger's word of them: a crash in between leaves a name without a file, which the next run mends,
and never a file that nobody remembers.
"""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from dialer.domain.outcome import Decision
from dialer.errors import ConflictError, NotFoundError
from dialer.ledger import erasure
from dialer.ledger.erasure import ErasableOrder, ExpiredFile, FileKind
from dialer.ledger.store import Ledger, database_now
from dialer.reporting.refusals import reason_in_transcript
from dialer.settings import RetentionSettings

log = structlog.get_logger()

_CHUNK: Final = 500
_DAY_S: Final = 24 * 3600
#: Folders under `home` and how old (by which setting) their files may grow, whether or not the ledger names them.
_SWEPT: Final = (("calls", "*.wav", "recordings"), ("calls", "*.json", "transcripts"), ("prompts", "*", "recordings"))


@dataclass(frozen=True, slots=True)
class PurgeCounts:
    """Files removed. `swept`: those that no attempt named (left by a crash, or cached prompts)."""

    recordings: int
    transcripts: int
    swept: int


@dataclass(frozen=True, slots=True)
class ErasedCounts:
    """Orders erased (one per campaign that had it) and files removed."""

    orders: int
    files: int


async def purge(ledger: Ledger, home: Path, retention: RetentionSettings, now: datetime | None = None) -> PurgeCounts:
    """Remove recordings and transcripts whose time has run out. Harmless to repeat, and at several workers at once."""
    moment = now or await ledger.now()
    recordings = await _purge_kind(ledger, home, "recording", moment - timedelta(days=retention.recordings_days))
    transcripts = await _purge_kind(ledger, home, "transcript", moment - timedelta(days=retention.transcripts_days))
    swept = await asyncio.to_thread(_sweep, home, retention, time.time())
    if recordings or transcripts or swept:
        log.info("personal_data_purged", recordings=recordings, transcripts=transcripts, swept=swept)
    return PurgeCounts(recordings, transcripts, swept)


async def _purge_kind(ledger: Ledger, home: Path, kind: FileKind, before: datetime) -> int:
    removed = 0
    stuck: set[str] = set()
    while True:
        async with ledger.begin() as tx:
            found = await erasure.expired_files(tx, kind, before, without=stuck, limit=_CHUNK)
        if not found:
            return removed
        gone = await asyncio.to_thread(_remove_expired, home, kind, found)
        stuck |= {file.attempt_id for file in found} - gone.keys()
        async with ledger.begin() as tx:
            await erasure.forget_files(tx, kind, gone)
        removed += len(gone)


def _remove_expired(home: Path, kind: FileKind, files: Iterable[ExpiredFile]) -> dict[str, str]:
    """Attempts whose file is gone now, each with the reason of refusal that its transcript told ("" for none)."""
    gone = {}
    for file in files:
        path = home / file.path
        cancelled = kind == "transcript" and file.decision == Decision.CANCELLED
        reason = (reason_in_transcript(path) or "") if cancelled else ""
        if _remove(home, path):
            gone[file.attempt_id] = reason
    return gone


def _remove(home: Path, path: Path) -> bool:
    """Remove a file under `home`; True if it is not there (any more)."""
    if not path.resolve().is_relative_to(home.resolve()):
        log.error("file_outside_of_home_kept")
        return False
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.error("file_not_removed", errno=error.errno)
        return False
    return True


def _sweep(home: Path, retention: RetentionSettings, now_s: float) -> int:
    """Remove what is too old by the file system's own word."""
    days = {"recordings": retention.recordings_days, "transcripts": retention.transcripts_days}
    swept = 0
    for folder, pattern, setting in _SWEPT:
        # A day more: a file that the ledger names goes by the ledger's word.
        too_old_s = now_s - (days[setting] + 1) * _DAY_S
        swept += sum(_remove(home, path) for path in (home / folder).rglob(pattern) if _is_older(path, too_old_s))
    return swept


def _is_older(path: Path, moment_s: float) -> bool:
    try:
        status = path.stat()
    except OSError:
        # Another worker's purge was quicker.
        return False
    return stat.S_ISREG(status.st_mode) and status.st_mtime < moment_s


async def erase_order(
    ledger: Ledger, home: Path, order_id: str, *, campaign: str | None = None, now: datetime | None = None
) -> ErasedCounts:
    """Forget the customer of the shop's order `order_id`, in one campaign or in all.

    The order's line stays with its state, decision and times, so that every count stays true; its phone becomes a
    number that nobody has (`domain.privacy`). The do-not-call list keeps the number: it is there at the customer's
    own wish. Raises NotFoundError; ConflictError while the order is being called or the shop has not been told.
    """
    files = 0
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        orders = await erasure.find_erasable(tx, order_id, campaign)
        if not orders:
            raise NotFoundError("there is no such order")
        for order in orders:
            _demand_quiet(order)
        for order in orders:
            paths = [home / path for path in await erasure.files_of(tx, order.pk)]
            removed = await asyncio.to_thread(lambda wanted: [_remove(home, path) for path in wanted], paths)
            if not all(removed):
                raise ConflictError("a recording or transcript could not be removed; the log says why")
            files += len(paths)
            await erasure.erase(tx, order, moment)
    log.info("order_erased", orders=[order.pk for order in orders], files=files)
    return ErasedCounts(len(orders), files)


def _demand_quiet(order: ErasableOrder) -> None:
    if order.live:
        raise ConflictError("the order is being called: try again after the call")
    if order.untold:
        raise ConflictError("the shop has not taken the decision yet: try again when it has (dialer report shows)")
