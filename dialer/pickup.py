"""The watched folder: CSV files laid down by a shop's export become orders, without anybody's hands.

    FOLDER/CAMPAIGN/*.csv            laid down by the shop; taken when nobody writes to it any more
    FOLDER/CAMPAIGN/working/NAME     being imported
    FOLDER/CAMPAIGN/done/NAME        imported
    FOLDER/CAMPAIGN/rejected/NAME    nothing in it could be imported (STEM.rejects.csv beside it says why)
    FOLDER/CAMPAIGN/rejected/STEM.rejects.csv   the bad rows of a file that is done, or why a whole file was refused

So whatever lies in `rejected/` waits for a person. A campaign's folder is worked on by one process at a time (a file
lock, which dies with its holder): whatever lies in `working/` by then was left by a crash and is imported again, which
adds nothing twice. A file gets its final name when it is taken, so every later step can be repeated.
"""

from __future__ import annotations

import csv
import fcntl
import os
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

import structlog

from dialer.campaigns import find_campaign, import_orders
from dialer.errors import ConfigError, ConflictError, InputError, LedgerError, NotFoundError
from dialer.intake import ImportTally, OrdersFile, RejectsFile, open_file, order_batches
from dialer.intake.headers import REJECT_COLUMNS
from dialer.ledger.store import Ledger

_log = structlog.get_logger()

WORKING, DONE, REJECTED = "working", "done", "rejected"
_LOCK = ".pickup.lock"
_SUFFIX = ".csv"


@dataclass(slots=True)
class PickupCounts:
    """What one look at the folder brought. `unknown`: sub-folders that name no campaign, which are left alone."""

    files: int = 0
    refused: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    unknown: int = 0


async def pick_up(
    ledger: Ledger,
    folder: Path,
    *,
    allowed_prefixes: tuple[str, ...],
    stable_s: float,
    clock: Callable[[], float] = time.time,
) -> PickupCounts:
    """Import what lies ready below `folder`; any number of processes may do so at once.

    A file is ready when nobody has it open for writing (where the system can tell) and it has not changed for
    `stable_s` seconds. Raises ConfigError if there is no such folder, LedgerError: the file at work is then tried
    again next time.
    """
    counts = PickupCounts()
    for place in _places(folder):
        desk = _Desk(ledger, place, allowed_prefixes, stable_s, clock, counts)
        try:
            with _locked(place) as mine:
                if mine:
                    await desk.work()
        except OSError as error:
            _log.warning("pickup_folder_failed", folder=place.name, errno=error.errno, reason=error.strerror)
    return counts


def unknown_folders(folder: Path, campaign_names: set[str]) -> list[str]:
    """Sub-folders that name no campaign: a slip, or a campaign that is still to be created."""
    return sorted(place.name for place in _places(folder) if campaign_of(place) not in campaign_names)


def campaign_of(place: Path) -> str:
    """The campaign that a sub-folder belongs to: its name, however the file system writes й and ё."""
    return unicodedata.normalize("NFC", place.name)


def _places(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(f"pickup.folder: there is no folder {folder}")
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


@contextmanager
def _locked(place: Path) -> Iterator[bool]:
    """Whether this process may work on the folder now."""
    handle = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)


class _Desk:
    """The work on one campaign's folder, under its lock."""

    def __init__(
        self,
        ledger: Ledger,
        place: Path,
        allowed_prefixes: tuple[str, ...],
        stable_s: float,
        clock: Callable[[], float],
        counts: PickupCounts,
    ) -> None:
        self._ledger, self._place, self._prefixes = ledger, place, allowed_prefixes
        self._campaign = campaign_of(place)
        self._stable_s, self._clock, self._counts = stable_s, clock, counts

    async def work(self) -> None:
        """First what a crash has left, then what has come."""
        files = [*_files(self._place / WORKING), *_files(self._place)]
        if not files:
            return
        try:
            campaign_id = (await find_campaign(self._ledger, self._campaign)).id
        except NotFoundError:
            self._counts.unknown += 1
            _log.warning("pickup_campaign_unknown", folder=self._place.name, files=len(files))
            return
        for name in (WORKING, DONE, REJECTED):
            (self._place / name).mkdir(exist_ok=True)
        for path in files:
            taken = path if path.parent.name == WORKING else self._take(path)
            if taken is not None:
                await self._import(taken, campaign_id)

    def _take(self, path: Path) -> Path | None:
        """Move a file that is ready to `working/`; None if it is not."""
        if self._clock() - path.stat().st_ctime < self._stable_s or _is_written(path):
            return None
        return path.rename(self._place / WORKING / self._free_name(path))

    def _free_name(self, path: Path) -> str:
        """The file's name, or one with the time in it if there was a file of this name before."""
        stamp = f"{path.stem}.{datetime.fromtimestamp(self._clock(), UTC):%Y%m%d-%H%M%S}"
        stamped = (f"{stamp}{mark}{path.suffix}" for mark in chain([""], (f"-{number}" for number in count(2))))
        return next(name for name in chain([path.name], stamped) if not self._is_used(name))

    def _is_used(self, name: str) -> bool:
        rejects = self._place / REJECTED / _rejects_name(name)
        return rejects.exists() or any((self._place / sub / name).exists() for sub in (WORKING, DONE, REJECTED))

    async def _import(self, path: Path, campaign_id: int) -> None:
        """Import one file, then move it and its rejects to where they belong."""
        rejects = path.with_name(f".{path.name}.rejects")
        rejects.unlink(missing_ok=True)
        before = _version(path)
        tally = ImportTally()
        refused = True
        try:
            await self._read(path, rejects, tally)
        except (InputError, ConflictError) as error:
            _refuse(rejects, error.reason if isinstance(error, InputError) else str(error))
        except LedgerError as error:
            if not error.permanent:
                raise
            _refuse(rejects, str(error))
        else:
            if _version(path) != before:
                return  # It has grown meanwhile: the next look imports the rest.
            refused = tally.nothing_good
        self._file(path, rejects, campaign_id, tally, refused=refused)

    async def _read(self, path: Path, rejects: Path, tally: ImportTally) -> None:
        with open_file(path) as stream:
            file = OrdersFile(stream, allowed_prefixes=self._prefixes)
            with RejectsFile(rejects, file.header, file.delimiter) as rejects_file:
                batches = order_batches(file, rejects_file, tally)
                counts = await import_orders(self._ledger, self._campaign, batches, source=path.name)
        tally.accepted, tally.duplicates = counts.accepted, counts.duplicates

    def _file(self, path: Path, rejects: Path, campaign_id: int, tally: ImportTally, *, refused: bool) -> None:
        """Rejects first: a file that has left `working/` is never looked at again."""
        with suppress(FileNotFoundError):
            rejects.replace(self._place / REJECTED / _rejects_name(path.name))
        path.replace(self._place / (REJECTED if refused else DONE) / path.name)
        self._counts.files += 1
        self._counts.refused += refused
        self._counts.accepted += tally.accepted
        self._counts.duplicates += tally.duplicates
        self._counts.rejected += tally.rejected
        _log.info(
            "pickup_file_refused" if refused else "pickup_file_imported",
            campaign_id=campaign_id,
            accepted=tally.accepted,
            duplicates=tally.duplicates,
            rejected=tally.rejected,
        )


def _files(folder: Path) -> list[Path]:
    """CSV files, oldest first; hidden ones are still on their way (rsync writes such)."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.suffix.lower() == _SUFFIX and not path.name.startswith("."))
    return sorted(
        (path for path in found if path.is_file() and not path.is_symlink()),
        key=lambda path: (path.stat().st_ctime, path.name),
    )


def _rejects_name(name: str) -> str:
    return f"{Path(name).stem}.rejects.csv"


def _version(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def _is_written(path: Path) -> bool:
    """Whether somebody on this machine has the file open for writing: then Linux grants no read lease (fcntl(2)).

    Where leases are not to be had (another system, another owner's file, a network share), time alone has to tell.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _refuse(rejects: Path, reason: str) -> None:
    """Say why a whole file was refused, in the form of a rejects file."""
    with rejects.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows([REJECT_COLUMNS, ("0", "file", reason)])
