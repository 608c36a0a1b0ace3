"""The only place that joins real adapters together. Nothing connects at import."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any, Protocol

import structlog

from dialer import calls, campaigns, delivery, pickup, privacy
from dialer.campaigns import Hangup
from dialer.conversation import silero
from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.script import Script, load_script
from dialer.errors import ConfigError
from dialer.ledger.claims import Released
from dialer.ledger.store import Ledger
from dialer.orders_api import OrdersApi
from dialer.settings import Settings, config_dir
from dialer.speech.health import Guard, GuardedRecognizer, Limits
from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.phrase_bank import PhraseBankRecognizer
from dialer.speech.ports import Recognizer
from dialer.speech.voice import Voice
from dialer.telephony.nodes import NodeSwitches
from dialer.telephony.ports import Switch
from dialer.telephony.switch import AriSwitch
from dialer.understanding.service import RulesThenModel

log = structlog.get_logger(__name__)

#: The offline voice answers in milliseconds but shares this machine's cores: it can be late, not away.
OFFLINE_LIMITS = Limits(first_s=20.0, stall_s=20.0, total_s=60.0)


def make_recognizer(settings: Settings) -> Recognizer:
    """The configured recogniser."""
    if settings.speech.recognizer == "openai":
        from dialer.speech.openai import OpenAIRecognizer, recognizer_limits

        guard = Guard("openai_hearing", recognizer_limits(settings.openai))
        return GuardedRecognizer(OpenAIRecognizer(settings.openai), guard)
    if settings.speech.phrase_bank is None:
        raise ConfigError("speech.phrase_bank: the phrase_bank recogniser needs a file (it hears simulated customers)")
    return PhraseBankRecognizer.from_file(settings.speech.phrase_bank)


def make_voice(settings: Settings) -> Voice:
    """The configured voice with its cache; the offline voice is the fallback of the online one."""
    offline, folder, budget = OfflineSynthesizer(), settings.home / "prompts", settings.speech.cache_max_mb
    if settings.speech.synthesizer == "openai":
        from dialer.speech.openai import OpenAISynthesizer

        return Voice(OpenAISynthesizer(settings.openai), folder, budget, fallback=offline)
    return Voice(offline, folder, budget, guard=Guard(offline.name, OFFLINE_LIMITS))


def providers_of(session: SessionPorts) -> list[GuardedRecognizer | Voice | RulesThenModel]:
    """Those parts that talk with providers, and hold connections to them."""
    parts = (session.recognizer, session.voice, session.understanding)
    return [part for part in parts if isinstance(part, GuardedRecognizer | Voice | RulesThenModel)]


def watched_providers(settings: Settings, session: SessionPorts) -> list[calls.Watched]:
    """The online providers that these settings choose; offline ones cannot be unhealthy."""
    watched: list[calls.Watched] = []
    for part in providers_of(session):
        match part:
            case GuardedRecognizer():
                watched.append(calls.Watched("hearing", partial(getattr, part, "healthy"), part.probe))
            case Voice() if settings.speech.synthesizer != "offline":
                watched.append(calls.Watched("speaking", partial(getattr, part, "healthy"), part.probe))
            case RulesThenModel() if settings.understanding.llm:
                watched.append(calls.Watched("model", partial(getattr, part, "healthy")))
    return watched


class ConnectedSwitch(Switch, Protocol):
    """A switch with its connection to the PBX."""

    async def start(self) -> None:
        """Connect; a PBX that is away is no error."""

    async def close(self) -> None:
        """Disconnect."""


def make_switch(settings: Settings) -> ConnectedSwitch:
    """This worker's PBX."""
    return AriSwitch(settings)


def make_ledger(settings: Settings) -> Ledger:
    """The ledger; raises ConfigError without a database URL (the command line starts an embedded one)."""
    if not settings.database_url:
        raise ConfigError("database_url: set DIALER_DATABASE_URL to your PostgreSQL server")
    return Ledger(settings.database_url)


def make_orders_api(settings: Settings) -> OrdersApi | None:
    """The shop's orders API, or None when no URL is set."""
    return OrdersApi(settings.orders_api) if settings.orders_api.url else None


@cache
def worker_name() -> str:
    """This process, among all workers that ever were: a container's successor has its host name and process id."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def settle_heap() -> None:
    """Take what has been loaded out of the garbage collector's sight.

    A full collection looks at the dictionaries of `understanding` again and again: 0.2 s in which no call is heard or
    spoken to (measured on 2 cores). What calls leave behind is still collected.
    """
    gc.collect()
    gc.freeze()


class Runtime:
    """What a worker process holds: one ledger, one orders API and, for call workers, one switch and one voice."""

    def __init__(self, settings: Settings) -> None:
        """Call on the event loop that will run it all."""
        self._settings = settings
        self._ledger = make_ledger(settings)
        self._orders = make_orders_api(settings)
        self._switch: ConnectedSwitch | None = None
        self._nodes = NodeSwitches({name: settings.on_node(name) for name in settings.node_lines})
        self._calls: calls.CallPorts | None = None
        self._keepers: list[asyncio.Task[None]] = []
        self._at_work: set[str] = set()

    async def start_calls(self) -> None:
        """Connect to this worker's Asterisk and load models, so that no call waits for them.

        Raises ConfigError when there are several nodes and `ari.node` is none of them.
        """
        settings = self._settings.on_node(self._settings.ari.node)

        @cache
        def script(name: str) -> Script:
            return load_script(config_dir() / "scripts", name)

        silero.weights()
        session = SessionPorts(
            voice=make_voice(settings),
            recognizer=make_recognizer(settings),
            understanding=RulesThenModel.from_settings(settings),
            min_confidence=settings.understanding.min_confidence,
            operator_endpoint=settings.operator_endpoint,
        )
        self._switch = make_switch(settings)
        await self._switch.start()
        self._calls = calls.CallPorts(
            ledger=self._ledger,
            switch=self._switch,
            session=session,
            script=script,
            orders=self._orders,
            settings=settings,
            worker=worker_name(),
        )
        settle_heap()
        watched = watched_providers(settings, session)
        self._keepers = [
            asyncio.create_task(calls.keep_leases(self._calls)),
            asyncio.create_task(calls.watch_providers(self._ledger, worker_name(), watched)),
        ]

    async def run_attempt(self, attempt_id: str) -> None:
        """Place one call."""
        if self._calls is None:
            raise ConfigError("this worker does not consume a calls queue")
        await calls.run_attempt(self._calls, attempt_id)

    @property
    def drain_s(self) -> float:
        """How long the end of this process may wait for live calls."""
        return self._settings.calls.drain_s

    def drain(self) -> None:
        """Dial nothing more; live calls go on."""
        if self._calls is not None:
            self._calls.draining = True

    async def release_batch(self, publish: Callable[[Sequence[Released]], None]) -> int:
        """Release due orders."""
        return await campaigns.release_batch(self._ledger, node=self._settings.node_lines, publish=publish)

    async def open_campaigns(self) -> None:
        """Open campaigns by cron; close those whose last day is over."""
        await campaigns.open_due(self._ledger)
        await campaigns.close_expired(self._ledger)

    async def pick_up(self) -> None:
        """Import what lies in the watched folder, if there is one."""
        wanted = self._settings.pickup
        if wanted.folder is not None:
            prefixes = tuple(self._settings.calls.allowed_prefixes)
            await pickup.pick_up(self._ledger, wanted.folder, allowed_prefixes=prefixes, stable_s=wanted.stable_s)

    async def upkeep(self, publish: Callable[[Sequence[Released]], None]) -> None:
        """Resolve lost attempts and publish stale ones again."""
        async with self._alone("upkeep") as alone:
            if alone:
                await campaigns.upkeep(
                    self._ledger,
                    hangup=self._hangup_on(self._settings.ari.node),
                    nodes={node: self._hangup_on(node) for node in self._settings.node_lines},
                    node=self._settings.ari.node,
                    publish=publish,
                    grace_s=self._settings.calls.publish_grace_s,
                    time_scale=self._settings.time_scale,
                    second_look_s=campaigns.SECOND_LOOK_S,
                )

    @asynccontextmanager
    async def _alone(self, work: str) -> AsyncIterator[bool]:
        """Whether this process does not do it already.

        Ticks go on while a shop or an Asterisk does not answer: they must not fill up the worker, or nothing would be
        released meanwhile.
        """
        alone = work not in self._at_work
        self._at_work.add(work)
        try:
            yield alone
        finally:
            if alone:
                self._at_work.discard(work)

    def _hangup_on(self, node: str) -> Hangup:
        return partial(self._nodes.hangup_attempt, node)

    async def deliver_outcomes(self) -> None:
        """Tell the shop what is due."""
        if self._orders is None:
            return
        async with self._alone("delivery") as alone:
            if alone:
                await delivery.deliver_due(self._ledger, self._orders, settings=self._settings.orders_api)

    async def purge(self) -> None:
        """Remove recordings and transcripts whose time has run out."""
        await privacy.purge(self._ledger, self._settings.home, self._settings.retention)

    async def close(self) -> None:
        """Hang up what still runs and disconnect from everything."""
        if self._calls is not None:
            await calls.abandon(self._calls)
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        closing: list[Any] = [self._nodes.close(), self._ledger.close()]
        if self._calls is not None:
            closing += [part.close() for part in providers_of(self._calls.session)]
        if self._switch is not None:
            closing.append(self._switch.close())
        if self._orders is not None:
            closing.append(self._orders.close())
        await asyncio.gather(*closing)
