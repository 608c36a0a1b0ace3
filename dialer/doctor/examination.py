"""All checks, at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dialer.doctor.asterisk import check_asterisk
from dialer.doctor.broker import check_broker
from dialer.doctor.clock import check_clock
from dialer.doctor.database import check_database
from dialer.doctor.finding import Finding
from dialer.doctor.providers import check_providers
from dialer.doctor.scripts import check_scripts
from dialer.doctor.shop import check_orders_api
from dialer.doctor.surroundings import check_surroundings
from dialer.settings import Settings, config_dir


@dataclass(frozen=True, slots=True)
class Services:
    """Where database and broker are found: as configured, or those that `dialer up` runs; None: neither."""

    database_url: str | None
    broker_url: str | None


async def examine(settings: Settings, services: Services) -> list[Finding]:
    """Every check's findings, in order of the way that an order takes. Takes a few seconds at most."""
    scripts, usable = check_scripts(config_dir() / "scripts", settings.store_name)
    checked = await asyncio.gather(
        check_database(services.database_url, usable, settings.pickup.folder),
        check_clock(settings.orders_api.url),
        check_broker(services.broker_url, settings),
        *(check_asterisk(node, settings.on_node(node)) for node in settings.node_lines),
        check_providers(settings),
        check_orders_api(settings.orders_api),
    )
    return [*check_surroundings(settings), *scripts, *(finding for findings in checked for finding in findings)]
