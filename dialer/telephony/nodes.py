"""All Asterisk nodes, as far as upkeep needs them: hanging up what dead workers have left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from dialer.errors import AriUnavailableError
from dialer.settings import Settings
from dialer.telephony.switch import AriSwitch


class NodeSwitches:
    """A switch for each node, made when it is first asked. Used on one event loop."""

    def __init__(self, settings: Mapping[str, Settings]) -> None:
        """`settings` of each node, by its name."""
        self._settings = dict(settings)
        self._switches: dict[str, AriSwitch] = {}

    async def hangup_attempt(self, node: str, attempt_id: str) -> bool:
        """Hang up an attempt's channels on its node; False if there were none.

        Raises AriUnavailableError for a node that is not configured or does not answer, AriError when it refuses.
        """
        if node not in self._settings:
            raise AriUnavailableError(f"node {node!r} is not in the settings")
        if node not in self._switches:
            self._switches[node] = AriSwitch(self._settings[node])
        return await self._switches[node].hangup_attempt(attempt_id)

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(*(switch.close() for switch in self._switches.values()))
