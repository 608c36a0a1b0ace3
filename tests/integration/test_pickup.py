"""The watched folder, on a real ledger and a real file system."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from sqlalchemy import text
from structlog.testing import CapturingLogger

from dialer import campaigns, pickup
from dialer.errors import ConfigError, LedgerError
from dialer.ledger.orders import count_orders, list_orders
from dialer.ledger.store import Ledger
from tests.support.factories import make_campaign

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = "Номер заказа;Телефон;Сумма\n"
GOOD = HEADER + "A-1;+7 916 123-45-67;3200\nA-2;8 916 765-43-21;990,50\n"
HALF = HEADER + "A-1;+7 916 123-45-67;3200\nA-2;112;990\n"
BAD = HEADER + "A-1;112;3200\n"
#: Later than any file of the test is stable.
LATER = 3600.0


class Shop:
    """The shop's side of the folder of campaign `ночь`."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder, self.place, self._ledger = folder, folder / "ночь", ledger
        self.place.mkdir()

    def lay(self, text: str, name: str = "orders.csv") -> Path:
        """Lay down a complete file."""
        path = self.place / name
        path.write_text(text, "utf-8")
        return path

    async def pick_up(self, *, after_s: float = LATER) -> pickup.PickupCounts:
        """One look at the folder, so many seconds from now."""
        return await pickup.pick_up(
            self._ledger, self.folder, allowed_prefixes=("7",), stable_s=10, clock=lambda: time.time() + after_s
        )

    def tree(self) -> list[str]:
        """All files but the lock."""
        found = (path for path in self.place.rglob("*") if path.is_file() and path.name != ".pickup.lock")
        return sorted(str(path.relative_to(self.place)) for path in found)

    async def orders(self) -> list[str]:
        """Ids of the campaign's orders."""
        campaign = await campaigns.find_campaign(self._ledger, "ночь")
        async with self._ledger.begin() as tx:
            return sorted(row.order.order_id for row in await list_orders(tx, campaign.id))


@pytest.fixture
async def shop(ledger: Ledger, tmp_path: Path) -> Shop:
    await make_campaign(ledger, 0, running=False, name="ночь")
    return Shop(tmp_path, ledger)


async def test_a_good_file_is_imported_and_done(shop: Shop) -> None:
    shop.lay(GOOD)

    counts = await shop.pick_up()

    assert (counts.files, counts.refused, counts.accepted, counts.rejected) == (1, 0, 2, 0)
    assert shop.tree() == ["done/orders.csv"]
    assert await shop.orders() == ["A-1", "A-2"]


async def test_bad_rows_wait_for_a_person_and_good_ones_do_not(shop: Shop) -> None:
    shop.lay(HALF)

    counts = await shop.pick_up()

    assert (counts.accepted, counts.rejected) == (1, 1)
    assert shop.tree() == ["done/orders.csv", "rejected/orders.rejects.csv"]
    reasons = (shop.place / "rejected/orders.rejects.csv").read_text("utf-8-sig")
    assert "A-2;112;990;3;phone;" in reasons


async def test_a_mended_rejects_file_comes_back_through_the_folder(shop: Shop) -> None:
    shop.lay(HALF)
    await shop.pick_up()
    rejects = shop.place / "rejected/orders.rejects.csv"

    shop.lay(rejects.read_text("utf-8-sig").replace("112", "89167654321"), rejects.name)
    await shop.pick_up()

    assert await shop.orders() == ["A-1", "A-2"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [(BAD, "A-1;112;3200;2;phone;"), ("просто текст\n", "нужны"), ("", "файл пуст")],
)
async def test_a_file_without_one_good_row_is_rejected_with_reasons(shop: Shop, text: str, reason: str) -> None:
    shop.lay(text)

    counts = await shop.pick_up()

    assert (counts.files, counts.refused) == (1, 1)
    assert shop.tree() == ["rejected/orders.csv", "rejected/orders.rejects.csv"]
    assert reason in (shop.place / "rejected/orders.rejects.csv").read_text("utf-8-sig")


async def test_a_stopped_campaign_rejects_files(shop: Shop, ledger: Ledger) -> None:
    await campaigns.stop(ledger, "ночь")
    shop.lay(GOOD)

    await shop.pick_up()

    assert shop.tree() == ["rejected/orders.csv", "rejected/orders.rejects.csv"]
    assert "stopped" in (shop.place / "rejected/orders.rejects.csv").read_text("utf-8-sig")


async def test_the_same_name_every_night_overwrites_nothing(shop: Shop) -> None:
    for night in range(3):
        shop.lay(HEADER + f"A-{night};89161234567;100\n" + "A-9;112;1\n")
        await shop.pick_up()

    done, rejected = ([name for name in shop.tree() if name.startswith(sub)] for sub in ("done/", "rejected/"))
    assert (len(done), len(rejected)) == (3, 3)
    assert await shop.orders() == ["A-0", "A-1", "A-2"]


async def test_a_fresh_file_is_left_until_it_has_been_quiet(shop: Shop) -> None:
    shop.lay(GOOD)

    early = await shop.pick_up(after_s=5)

    assert (early.files, shop.tree()) == (0, ["orders.csv"])
    assert (await shop.pick_up(after_s=15)).files == 1


async def test_a_file_that_is_open_for_writing_is_left_however_old(shop: Shop) -> None:
    with shop.lay(GOOD).open("a") as writer:
        writer.write("A-3;89161112233;5\n")
        writer.flush()
        early = await shop.pick_up()

    assert early.files == 0
    assert (await shop.pick_up()).accepted == 3


async def test_hidden_files_other_files_and_links_are_left_alone(shop: Shop, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("root:x:0:0\n")
    shop.lay(GOOD, ".orders.csv.Xy12")
    shop.lay(GOOD, "readme.txt")
    (shop.place / "link.csv").symlink_to(secret)

    counts = await shop.pick_up()

    assert counts.files == 0
    assert shop.tree() == [".orders.csv.Xy12", "link.csv", "readme.txt"]


async def test_a_folder_without_a_campaign_is_named_and_left(shop: Shop, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "ноч").mkdir()
    (tmp_path / "ноч" / "orders.csv").write_text(GOOD)

    with structlog.testing.capture_logs() as logs:
        counts = await shop.pick_up()

    assert counts.unknown == 1
    assert [(line["event"], line["folder"]) for line in logs] == [("pickup_campaign_unknown", "ноч")]
    assert pickup.unknown_folders(tmp_path, {"ночь"}) == ["ноч"]


async def test_a_missing_folder_is_a_mistake_in_the_settings(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pickup\.folder"):
        await pickup.pick_up(ledger, tmp_path / "none", allowed_prefixes=("7",), stable_s=0)


async def test_logs_hold_counts_and_nothing_of_the_rows(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    said = CapturingLogger()
    monkeypatch.setattr(pickup, "_log", said)
    shop.lay(HALF)

    await shop.pick_up()

    (call,) = said.calls
    assert call.args == ("pickup_file_imported",)
    assert (call.kwargs["accepted"], call.kwargs["rejected"]) == (1, 1)
    assert not any(word in str(said.calls) for word in ("916", "A-1", "112", "orders.csv"))


class _FaultyLedger(Ledger):
    """Fails, as if the process had died, at the commit of the named transaction."""

    def __init__(self, url: str, deaths: Iterator[int]) -> None:
        super().__init__(url)
        self._deaths, self._count = deaths, 0
        self._next = next(deaths)

    def begin(self) -> Any:
        self._count += 1
        if self._count == self._next:
            self._next = next(self._deaths)
            raise LedgerError("PostgreSQL: gone")
        return super().begin()


async def test_a_ledger_that_goes_away_at_any_moment_loses_and_doubles_nothing(
    shop: Shop, ledger: Ledger, database_url: str
) -> None:
    shop.lay(HALF)
    faulty = _FaultyLedger(database_url, iter([1, 3, 6, 99]))
    failures = 0

    for _ in range(5):
        try:
            await pickup.pick_up(
                faulty, shop.folder, allowed_prefixes=("7",), stable_s=0, clock=lambda: time.time() + LATER
            )
        except LedgerError:
            failures += 1
    await faulty.close()

    assert failures == 3
    assert await shop.orders() == ["A-1"]
    assert shop.tree() == ["done/orders.csv", "rejected/orders.rejects.csv"]


@pytest.mark.parametrize("moment", ["before import", "before rejects", "before done"])
async def test_a_crash_at_any_step_is_made_good_by_the_next_look(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    shop.lay(HALF)

    class Killed(BaseException):
        """The process ends here."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    real = Path.replace
    with monkeypatch.context() as patch:
        if moment == "before import":
            patch.setattr(pickup, "import_orders", die)
        elif moment == "before rejects":
            patch.setattr(Path, "replace", die)
        else:
            patch.setattr(Path, "replace", lambda self, to: die() if "done" in str(to) else real(self, to))
        with pytest.raises(Killed):
            await shop.pick_up()
    # Meanwhile the shop lays down the next file under the same name.
    shop.lay(HEADER + "A-7;89161112233;5\n")
    counts = await shop.pick_up()

    assert counts.files == 2
    assert await shop.orders() == ["A-1", "A-7"]
    assert len([name for name in shop.tree() if name.startswith("done/orders")]) == 2
    assert [name for name in shop.tree() if name.startswith("rejected/")] == ["rejected/orders.rejects.csv"]


async def test_a_file_that_grows_under_the_import_is_imported_to_its_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.lay(HEADER + "A-1;89161234567;100\n")
    real = pickup.import_orders

    async def import_and_grow(*args: Any, **options: Any) -> Any:
        counts = await real(*args, **options)
        with (shop.place / "working/orders.csv").open("a") as writer:
            writer.write("A-2;89167654321;100\n")
        return counts

    with monkeypatch.context() as patch:
        patch.setattr(pickup, "import_orders", import_and_grow)
        await shop.pick_up()
    await shop.pick_up()

    assert await shop.orders() == ["A-1", "A-2"]
    assert shop.tree() == ["done/orders.csv"]


def _is_work_left(folder: Path) -> bool:
    return any(folder.glob("*/*.csv")) or any(folder.glob("*/working/*.csv"))


def _look(url: str, folder: Path, start: Any, results: Any) -> None:
    """A worker process."""

    async def run() -> tuple[int, int, int]:
        ledger = Ledger(url)
        start.wait()
        files = accepted = duplicates = 0
        while _is_work_left(folder):
            counts = await pickup.pick_up(
                ledger, folder, allowed_prefixes=("7",), stable_s=0, clock=lambda: time.time() + LATER
            )
            files, accepted = files + counts.files, accepted + counts.accepted
            duplicates += counts.duplicates
        await ledger.close()
        return files, accepted, duplicates

    results.put(asyncio.run(run()))


async def test_several_workers_import_every_file_once(shop: Shop, ledger: Ledger, database_url: str) -> None:
    files, rows_each = 6, 4000
    for number in range(files):
        rows = "".join(f"B-{number}-{row};8916{number:03d}{row:04d};100\n" for row in range(rows_each))
        shop.lay(HEADER + rows, f"part-{number}.csv")
    context = multiprocessing.get_context("spawn")
    results, start = context.Queue(), context.Barrier(3)
    workers = [
        context.Process(target=_look, args=(database_url, shop.folder, start, results), daemon=True) for _ in range(3)
    ]

    for worker in workers:
        worker.start()
    found = [await asyncio.to_thread(results.get, timeout=60) for _ in workers]
    for worker in workers:
        await asyncio.to_thread(worker.join)

    assert [sum(column) for column in zip(*found, strict=True)] == [files, files * rows_each, 0]
    campaign = await campaigns.find_campaign(ledger, "ночь")
    async with ledger.begin() as tx:
        assert sum((await count_orders(tx, campaign.id)).values()) == files * rows_each
        imports = await tx.execute(text("SELECT count(*) FROM batches WHERE source LIKE 'part-%'"))
        assert imports.scalar_one() == files
