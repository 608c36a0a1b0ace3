"""Reports of a campaign: one reading transaction each."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.errors import InputError
from dialer.reporting import call_records
from dialer.reporting.analytics import Analytics
from dialer.reporting.analytics_queries import ask_analytics
from dialer.reporting.call_records import call_pages
from dialer.reporting.csv_file import BOM, ORDER_COLUMNS, order_cells, write_csv
from dialer.reporting.html import MAX_LISTED_ORDERS, render_html
from dialer.reporting.model import Report
from dialer.reporting.operator_cost import load_operator_prices
from dialer.reporting.order_list import order_page, order_pages
from dialer.reporting.queries import ask_report

__all__ = [
    "Report",
    "campaign_analytics",
    "campaign_report",
    "save_analytics",
    "save_calls",
    "save_csv",
    "save_html",
    "save_json",
]


async def campaign_report(tx: AsyncConnection, campaign_name: str, now: datetime) -> Report:
    """The campaign's numbers at `now` (definitions: docs/reports.md). Raises NotFoundError."""
    return await ask_report(tx, campaign_name, now)


async def campaign_analytics(tx: AsyncConnection, campaign_name: str, home: Path, language: str = "ru") -> Analytics:
    """Rates, reasons and costs. `home` is where the transcripts' paths begin. Raises NotFoundError, ConfigError."""
    return await ask_analytics(tx, campaign_name, prices=load_operator_prices(), home=home, language=language)


async def save_html(
    tx: AsyncConnection, report: Report, path: Path, *, store_name: str, home: Path, artifacts_base: str = ""
) -> None:
    """One self-contained page with the analytics. `home` is where the paths of recordings and transcripts begin;
    `artifacts_base` leads there from the page's folder.

    Raises InputError if the file cannot be written, ConfigError if the template is wrong.
    """
    orders = await order_page(tx, report.campaign, 0, MAX_LISTED_ORDERS)
    analytics = await campaign_analytics(tx, report.campaign, home)
    page = render_html(report, analytics, orders, store_name=store_name, artifacts_base=artifacts_base)
    _write(path, page)


async def save_csv(tx: AsyncConnection, report: Report, path: Path) -> int:
    """One line per order; returns how many. Raises InputError if the file cannot be written."""
    zone = ZoneInfo(report.timezone)
    pages = ([order_cells(line, zone) for line in page] async for page in order_pages(tx, report.campaign))
    return await write_csv(path, ORDER_COLUMNS, pages)


async def save_calls(tx: AsyncConnection, report: Report, path: Path) -> int:
    """One line per call that has ended; returns how many. Raises InputError if the file cannot be written."""
    return await write_csv(path, call_records.COLUMNS, call_pages(tx, report.campaign, ZoneInfo(report.timezone)))


def save_analytics(found: Analytics, path: Path) -> None:
    """The analytics' figures as CSV. Raises InputError if the file cannot be written."""
    _write(path, BOM + found.as_csv())


def save_json(report: Report, path: Path) -> None:
    """`report.json`. Raises InputError if the file cannot be written."""
    _write(path, json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError("report", f"{path}: cannot be written: {error.strerror or error}") from error
