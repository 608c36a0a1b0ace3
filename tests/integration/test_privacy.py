"""Personal data goes when its time has run out, and on request; every count stays true."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from dialer import privacy, reports
from dialer.cli import cli
from dialer.domain.order import OrderState
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.errors import ConflictError, NotFoundError
from dialer.ledger import dnc
from dialer.ledger.audit import audit
from dialer.settings import RetentionSettings, settings
from tests.support.factories import NO_ANSWER, NOW, make_campaign, make_order, order_of, release, settle
from tests.support.stories import tell

if TYPE_CHECKING:
    from pathlib import Path

    from dialer.ledger.store import Ledger

MONTH = RetentionSettings(recordings_days=30, transcripts_days=90)
CANCELLED = Outcome(Disposition.ANSWERED, Decision.CANCELLED, {"comment": "для Анны"}, talk_s=16.0)
PHONE = "+79161112233"


def files(home: Path, name: str = "a", said: str = "Нет, отмените, это дорого") -> dict[str, Any]:
    """A recording and a transcript on disk, and how an attempt names them."""
    folder = home / "calls" / "1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.wav").write_bytes(b"RIFF")
    lines = [{"at_s": 0.0, "who": "bot", "text": "Дорогой клиент"}, {"at_s": 1.0, "who": "customer", "text": said}]
    (folder / f"{name}.json").write_text(json.dumps({"lines": lines}), "utf-8")
    named = {"recording": f"calls/1/{name}.wav", "transcript": f"calls/1/{name}.json"}
    return {**named, "sources": {"rules": 1}}


async def artifacts(ledger: Ledger) -> list[dict[str, Any]]:
    async with ledger.begin() as tx:
        return list((await tx.execute(text("SELECT artifacts FROM attempts ORDER BY published_at"))).scalars())


async def told(ledger: Ledger, home: Path) -> None:
    """One order, cancelled on the phone, and the shop knows."""
    order = make_order(order_id="N-1", phone=PHONE, attributes={"note": "домофон 12"})
    await tell(ledger, [(order, [CANCELLED])], artifacts=files(home), name="night")
    async with ledger.begin() as tx:
        await tx.execute(text('UPDATE outbox SET delivered_at = now(), data = \'{"comment": "для Анны"}\''))


async def test_recordings_go_first_and_transcripts_later(ledger: Ledger, tmp_path: Path) -> None:
    await told(ledger, tmp_path)
    folder = tmp_path / "calls" / "1"

    young = await privacy.purge(ledger, tmp_path, MONTH, NOW + timedelta(days=29))
    month = await privacy.purge(ledger, tmp_path, MONTH, NOW + timedelta(days=31))
    again = await privacy.purge(ledger, tmp_path, MONTH, NOW + timedelta(days=31))

    assert (young.recordings, month.recordings, again.recordings) == (0, 1, 0)
    assert sorted(path.name for path in folder.iterdir()) == ["a.json"]
    assert await artifacts(ledger) == [{"transcript": "calls/1/a.json", "sources": {"rules": 1}}]
    late = await privacy.purge(ledger, tmp_path, MONTH, NOW + timedelta(days=91))
    assert late.transcripts == 1
    assert list(folder.iterdir()) == []


async def test_the_reason_of_a_refusal_outlives_its_transcript(ledger: Ledger, tmp_path: Path) -> None:
    await told(ledger, tmp_path)

    await privacy.purge(ledger, tmp_path, MONTH, NOW + timedelta(days=91))

    assert await artifacts(ledger) == [{"sources": {"rules": 1}, "refusal": "too_expensive"}]


async def test_a_file_that_is_gone_already_is_forgotten_too(ledger: Ledger, tmp_path: Path) -> None:
    await told(ledger, tmp_path)
    (tmp_path / "calls" / "1" / "a.wav").unlink()

    counts = await privacy.purge(ledger, tmp_path, MONTH, NOW + timedelta(days=31))

    assert counts.recordings == 1
    assert "recording" not in (await artifacts(ledger))[0]


async def test_nothing_outside_of_home_is_removed(ledger: Ledger, tmp_path: Path) -> None:
    home = tmp_path / "home"
    await told(ledger, home)
    (tmp_path / "other.wav").write_bytes(b"somebody else's")
    async with ledger.begin() as tx:
        await tx.execute(text("""UPDATE attempts SET artifacts = '{"recording": "../other.wav"}'"""))

    counts = await privacy.purge(ledger, home, MONTH, NOW + timedelta(days=31))

    assert counts.recordings == 0
    assert (tmp_path / "other.wav").exists()


async def test_files_that_nobody_names_are_swept_by_age(ledger: Ledger, tmp_path: Path) -> None:
    files(tmp_path, "old")
    files(tmp_path, "new")
    (tmp_path / "prompts").mkdir()
    prompt = tmp_path / "prompts" / "spoken-address"
    prompt.write_bytes(b"slin")
    long_ago_s = prompt.stat().st_mtime - 40 * 24 * 3600
    for path in (prompt, tmp_path / "calls/1/old.wav", tmp_path / "calls/1/old.json"):
        os.utime(path, (long_ago_s, long_ago_s))

    counts = await privacy.purge(ledger, tmp_path, MONTH)

    assert counts.swept == 2
    assert sorted(path.name for path in (tmp_path / "calls/1").iterdir()) == ["new.json", "new.wav", "old.json"]
    assert not prompt.exists()


async def test_an_erased_order_keeps_its_place_in_every_count_and_nothing_personal(
    ledger: Ledger, tmp_path: Path
) -> None:
    await told(ledger, tmp_path)
    async with ledger.begin() as tx:
        before = await reports.campaign_report(tx, "night", NOW)

    counts = await privacy.erase_order(ledger, tmp_path, "N-1", now=NOW)

    assert (counts.orders, counts.files) == (1, 2)
    assert list((tmp_path / "calls" / "1").iterdir()) == []
    async with ledger.begin() as tx:
        dump = ""
        for table in ("orders", "attempts", "outbox", "phone_days", "do_not_call", "batches", "campaigns"):
            dump += str((await tx.execute(text(f"SELECT * FROM {table}"))).mappings().all())
    for trace in (PHONE, "Анна", "Анны", "Ленина", "домофон", "calls/1"):
        assert trace not in dump, trace
    async with ledger.begin() as tx:
        assert (await reports.campaign_report(tx, "night", NOW)).as_json() == before.as_json()
    async with ledger.begin() as tx:
        assert (await audit(tx, NOW)).clean


async def test_an_order_that_waits_is_never_called_again(ledger: Ledger, tmp_path: Path) -> None:
    campaign = await tell(ledger, [(make_order(order_id="N-1", phone=PHONE), [NO_ANSWER])], name="night")

    await privacy.erase_order(ledger, tmp_path, "N-1", campaign="night", now=NOW)

    row = await order_of(ledger, campaign)
    assert (row.state, row.skip_reason) == (OrderState.SKIPPED, "erased")
    assert await release(ledger, now=NOW + timedelta(days=2)) == []
    async with ledger.begin() as tx:
        assert (await audit(tx, NOW)).clean


async def test_an_order_is_not_erased_under_a_call_or_before_the_shop_knows(ledger: Ledger, tmp_path: Path) -> None:
    await make_campaign(ledger, [make_order(order_id="N-1")], name="night")
    (attempt,) = await release(ledger)

    with pytest.raises(ConflictError, match="being called"):
        await privacy.erase_order(ledger, tmp_path, "N-1", now=NOW)
    await settle(ledger, attempt, CANCELLED, worker=None)
    with pytest.raises(ConflictError, match="shop"):
        await privacy.erase_order(ledger, tmp_path, "N-1", now=NOW)


async def test_the_do_not_call_list_keeps_its_numbers(ledger: Ledger, tmp_path: Path) -> None:
    await told(ledger, tmp_path)
    async with ledger.begin() as tx:
        await dnc.add(tx, PHONE, reason="asked", now=NOW)

    await privacy.erase_order(ledger, tmp_path, "N-1", now=NOW)

    async with ledger.begin() as tx:
        assert await dnc.is_forbidden(tx, PHONE)


async def test_an_order_in_several_campaigns_is_erased_in_the_one_that_is_named(ledger: Ledger, tmp_path: Path) -> None:
    for name in ("one", "two"):
        await make_campaign(ledger, [make_order(order_id="N-1", phone=PHONE)], name=name, running=False)

    assert (await privacy.erase_order(ledger, tmp_path, "N-1", campaign="two", now=NOW)).orders == 1
    assert (await privacy.erase_order(ledger, tmp_path, "N-1", campaign="one", now=NOW)).orders == 1
    with pytest.raises(NotFoundError):
        await privacy.erase_order(ledger, tmp_path, "N-2", now=NOW)


async def test_ops_erase_by_command(
    ledger: Ledger, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(ledger, tmp_path)
    for name, value in {"DATABASE_URL": database_url, "HOME": str(tmp_path), "LOG_LEVEL": "ERROR"}.items():
        monkeypatch.setenv(f"DIALER_{name}", value)
    settings.cache_clear()

    asked = await asyncio.to_thread(CliRunner().invoke, cli, ["erase", "N-1"], input="n\n")
    done = await asyncio.to_thread(CliRunner().invoke, cli, ["erase", "N-1", "--json"])
    settings.cache_clear()

    assert asked.exit_code == 1
    assert json.loads(done.stdout) == {"orders": 1, "files": 2}
