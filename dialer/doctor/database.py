"""PostgreSQL, and what the ledger in it says about campaigns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.campaigns import last_opening
from dialer.doctor.finding import Finding, failed, ok, warning
from dialer.domain.campaign import CampaignState
from dialer.errors import ConfigError, LedgerError
from dialer.ledger.campaigns import CampaignRow, list_campaigns
from dialer.ledger.store import MIGRATIONS, Ledger, database_now
from dialer.pickup import unknown_folders

_CHECK = "database"
#: Clocks further apart than this make log times and reports hard to compare; much further, Celery drops messages.
_SKEW_WARNING_S, _SKEW_FAILED_S = 2.0, 300.0
#: How late beat may be with a campaign's opening.
_LATE = timedelta(minutes=2)

_VERSION = text("SELECT current_setting('server_version'), current_setting('server_version_num')::int")
_HAS_TABLE = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_REVISION = text("SELECT version_num FROM alembic_version")
_OUTBOX = text(
    "SELECT count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead, "
    "count(*) FILTER (WHERE delivered_at IS NULL AND dead_at IS NULL AND created_at < :long_ago) AS late FROM outbox"
)


async def check_database(url: str | None, scripts: set[str], pickup_folder: Path | None) -> list[Finding]:
    """Reachable, at this release's tables, its clock ours; campaigns that can be called. `scripts`: usable ones."""
    if url is None:
        message = "none is configured, and the embedded one does not run"
        return [failed(_CHECK, message, "Set DIALER_DATABASE_URL, or start `dialer up`.")]
    try:
        ledger = Ledger(url, pool_size=1)
    except ConfigError as error:
        return [failed(_CHECK, str(error), "Correct DIALER_DATABASE_URL: postgresql://user:password@host/database")]
    try:
        async with ledger.begin() as tx:
            findings = [await _server(tx), await _revision(tx), await _clock(tx)]
            if all(finding.state != "failed" for finding in findings):
                findings.extend(await _campaigns(tx, scripts, pickup_folder))
                findings.append(await _outbox(tx))
    except LedgerError as error:
        return [failed(_CHECK, str(error), _advice(str(error)))]
    finally:
        await ledger.close()
    return findings


def _advice(message: str) -> str:
    if "password" in message or "authentication" in message:
        return "User or password in DIALER_DATABASE_URL is wrong."
    if "does not exist" in message:
        return "Create it (createdb), or correct its name in DIALER_DATABASE_URL."
    return "Is PostgreSQL running, does DIALER_DATABASE_URL name the right host and port, is a firewall in between?"


async def _server(tx: AsyncConnection) -> Finding:
    version, number = (await tx.execute(_VERSION)).one()
    if number < 140_000:
        return failed(_CHECK, f"PostgreSQL {version}", "Update to PostgreSQL 14 or later.")
    return ok(_CHECK, f"PostgreSQL {version} answers")


async def _revision(tx: AsyncConnection) -> Finding:
    """Whether the tables are this release's."""
    from alembic.script import ScriptDirectory

    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    has_table = (await tx.execute(_HAS_TABLE)).scalar_one()
    found = (await tx.execute(_REVISION)).scalars().first() if has_table else None
    if found == head:
        return ok(_CHECK, f"tables are at {head}")
    if found is None:
        return failed(_CHECK, "has no tables of the dialer", "Run `dialer migrate`.")
    advice = "Run `dialer migrate`; if the database is newer than this program, update the program."
    return failed(_CHECK, f"tables are at {found}, this release needs {head}", advice)


async def _clock(tx: AsyncConnection) -> Finding:
    skew_s = abs((await database_now(tx) - datetime.now(UTC)).total_seconds())
    message = f"its clock and this machine's differ by {skew_s:.1f} s"
    advice = "Let both machines keep time by NTP."
    if skew_s > _SKEW_FAILED_S:
        return failed("clock", message, advice)
    return warning("clock", message, advice) if skew_s > _SKEW_WARNING_S else ok("clock", message)


async def _campaigns(tx: AsyncConnection, scripts: set[str], pickup_folder: Path | None) -> list[Finding]:
    rows = await list_campaigns(tx)
    active = [row for row in rows if row.state not in (CampaignState.STOPPED, CampaignState.FINISHED)]
    now = await database_now(tx)
    findings = [finding for row in active for finding in _campaign(row, scripts, now)]
    findings.extend(_unknown_folders(pickup_folder, {row.name for row in rows}))
    return findings or [ok("campaigns", f"{len(active)} active, {len(rows)} in all")]


def _unknown_folders(pickup_folder: Path | None, names: set[str]) -> Iterator[Finding]:
    if pickup_folder is None or not pickup_folder.is_dir():
        return
    unknown = unknown_folders(pickup_folder, names)
    if unknown:
        message = f"no campaign is called {', '.join(unknown)}: files there are not imported"
        yield warning("watched folder", message, "Create the campaign, or rename the folder.")


def _campaign(row: CampaignRow, scripts: set[str], now: datetime) -> Iterator[Finding]:
    check = f"campaign {row.name}"
    if row.plan.script not in scripts:
        advice = "Mend the script, or name another: `dialer campaign change NAME --script ...`."
        yield failed(check, f"its script {row.plan.script!r} cannot be used", advice)
    opening = last_opening(row.plan, now - _LATE)
    waits = row.state in (CampaignState.DRAFT, CampaignState.RUNNING)
    if waits and opening is not None and opening > (row.opened_at or row.created_at):
        message = f"should have opened at {opening:%Y-%m-%d %H:%M} UTC and has not"
        yield failed(check, message, "Beat or the batch worker does not run.")
    if row.state is not CampaignState.PAUSED and row.plan.window.is_over(now):
        yield warning(check, "its last day is over", "Move it: `dialer campaign change NAME --valid-until ...`.")


async def _outbox(tx: AsyncConnection) -> Finding:
    long_ago = await database_now(tx) - timedelta(minutes=30)
    dead, late = (await tx.execute(_OUTBOX, {"long_ago": long_ago})).one()
    if dead or late:
        message = f"{dead} outcomes were given up, {late} have waited for more than half an hour"
        return warning("outbox", message, "The orders API refuses or fails; see `dialer audit` and the worker's log.")
    return ok("outbox", "the shop knows every outcome")
