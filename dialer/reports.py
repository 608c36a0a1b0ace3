"""Reports of a campaign: one reading transaction each."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.errors import InputError
from dialer.reporting.csv_file import write_csv
from dialer.reporting.html import MAX_LISTED_ORDERS, render_html
from dialer.reporting.model import Report
from dialer.reporting.order_list import order_page, order_pages
from dialer.reporting.queries import ask_report

__all__ = ["Report", "campaign_report", "save_csv", "save_html", "save_json"]


async def campaign_report(tx: AsyncConnection, campaign_name: str, now: datetime) -> Report:
    """The campaign's numbers at `now` (definitions: docs/reports.md). Raises NotFoundError."""
    return await ask_report(tx, campaign_name, now)


async def save_html(
    tx: AsyncConnection, report: Report, path: Path, *, store_name: str, artifacts_base: str = ""
) -> None:
    """One self-contained page. `artifacts_base` leads from the page's folder to that of recordings and transcripts.

    Raises InputError if the file cannot be written, ConfigError if the template is wrong.
    """
    orders = await order_page(tx, report.campaign, 0, MAX_LISTED_ORDERS)
    _write(path, render_html(report, orders, store_name=store_name, artifacts_base=artifacts_base))


async def save_csv(tx: AsyncConnection, report: Report, path: Path) -> int:
    """One line per order; returns how many. Raises InputError if the file cannot be written."""
    return await write_csv(path, order_pages(tx, report.campaign), report.timezone)


def save_json(report: Report, path: Path) -> None:
    """`report.json`. Raises InputError if the file cannot be written."""
    _write(path, json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError("report", f"{path}: cannot be written: {error.strerror or error}") from error
