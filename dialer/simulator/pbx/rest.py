"""The ARI REST resources that a dialer uses, on top of the switch."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web
from yarl import URL

from dialer.simulator.pbx.audiosocket import AudioSocketLeg
from dialer.simulator.pbx.events import ENTITY_ID
from dialer.simulator.pbx.model import HANGUP_REASONS, REQUESTED, AriRefusal, Bridge, Channel
from dialer.simulator.pbx.switch import NewChannel, Switch

_NUMBER = re.compile(r"[/:]\+?(\d{3,15})(?:@|$)")
_INTERNAL = "An internal error prevented this request from being handled"
_CALLER = re.compile(r"\+?(\d+)")


async def parameters(request: web.Request) -> dict[str, Any]:
    """Query and JSON body as one mapping; the body's fields win, as in Asterisk."""
    merged: dict[str, Any] = dict(request.query)
    text = await request.text()
    if text:
        try:
            body = json.loads(text)
        except ValueError:
            raise AriRefusal(400, "Error parsing request body") from None
        if isinstance(body, dict):
            merged.update(body)
    return merged


class Rest:
    """The handlers; `routes` lists them below `/ari`."""

    def __init__(self, switch: Switch, modules: Callable[[], Iterable[str]]) -> None:
        self._switch = switch
        self._modules = modules

    def routes(self) -> list[web.RouteDef]:
        """All REST routes."""
        return [
            web.get("/ari/asterisk/info", self.info),
            web.get("/ari/asterisk/modules", self.list_modules),
            web.get("/ari/endpoints/{technology}/{resource}", self.get_endpoint),
            web.get("/ari/channels", self.list_channels),
            web.post("/ari/channels", self.originate),
            web.post("/ari/channels/create", self.create),
            web.post("/ari/channels/externalMedia", self.external_media),
            web.get("/ari/channels/{channel}", self.get_channel),
            web.post("/ari/channels/{channel}", self.originate),
            web.delete("/ari/channels/{channel}", self.hangup),
            web.post("/ari/channels/{channel}/dial", self.dial),
            web.post("/ari/channels/{channel}/answer", self.indicate),
            web.post("/ari/channels/{channel}/ring", self.indicate),
            web.post("/ari/channels/{channel}/progress", self.indicate),
            web.post("/ari/channels/{channel}/dtmf", self.indicate),
            web.get("/ari/channels/{channel}/variable", self.get_variable),
            web.post("/ari/channels/{channel}/variable", self.set_variable),
            web.get("/ari/bridges", self.list_bridges),
            web.post("/ari/bridges", self.create_bridge),
            web.get("/ari/bridges/{bridge}", self.get_bridge),
            web.post("/ari/bridges/{bridge}", self.create_bridge),
            web.delete("/ari/bridges/{bridge}", self.delete_bridge),
            web.post("/ari/bridges/{bridge}/addChannel", self.add_channel),
            web.post("/ari/bridges/{bridge}/removeChannel", self.remove_channel),
        ]

    async def info(self, _request: web.Request) -> web.Response:
        system = {"version": "22.6.0 (simulated)", "entity_id": ENTITY_ID}
        return web.json_response({"system": system})

    async def list_modules(self, _request: web.Request) -> web.Response:
        return web.json_response([{"name": f"{name}.so", "status": "Running"} for name in sorted(self._modules())])

    async def get_endpoint(self, request: web.Request) -> web.Response:
        """Every trunk is there, and online: the simulated network has no other."""
        named = {name: request.match_info[name] for name in ("technology", "resource")}
        return web.json_response({**named, "state": "online", "channel_ids": []})

    # -- channels

    async def list_channels(self, _request: web.Request) -> web.Response:
        return web.json_response([channel.snapshot() for channel in self._switch.channels.values()])

    async def get_channel(self, request: web.Request) -> web.Response:
        return web.json_response(self._channel(request).snapshot())

    async def originate(self, request: web.Request) -> web.Response:
        given = await parameters(request)
        channel = self._switch.create(_number(given), _new_channel(given, request))
        self._switch.dial(channel, float(given.get("timeout") or 30))
        return web.json_response(channel.snapshot())

    async def create(self, request: web.Request) -> web.Response:
        given = await parameters(request)
        channel = self._switch.create(_number(given), _new_channel(given, request))
        shown = channel.snapshot()
        self._switch.enter_application(channel)
        return web.json_response(shown)

    async def dial(self, request: web.Request) -> web.Response:
        given = await parameters(request)
        self._switch.dial(self._channel(request), float(given.get("timeout") or -1))
        return web.Response(status=204)

    async def external_media(self, request: web.Request) -> web.Response:
        given = await parameters(request)
        if given.get("encapsulation") == "audiosocket":
            return await self._audiosocket(given, request)
        wanted = {"transport": "websocket", "connection_type": "server", "encapsulation": "none", "format": "slin"}
        for name, value in wanted.items():
            if given.get(name) != value:
                raise AriRefusal(400, f"{name} must be {value} here")
        if given.get("external_host", "INCOMING") != "INCOMING":
            raise AriRefusal(400, "external_host must be INCOMING here")
        channel = self._switch.external_media(_new_channel(given, request))
        return web.json_response({**channel.snapshot(), "channelvars": channel.variables})

    async def _audiosocket(self, given: dict[str, Any], request: web.Request) -> web.Response:
        """Connects to the bot before it answers, as chan_audiosocket does; what goes wrong there is a bare 500."""
        if given.get("transport") != "tcp":
            raise AriRefusal(400, "transport must be 'tcp' for audiosocket encapsulation")
        if not given.get("data"):
            raise AriRefusal(400, "data can not be empty")
        address, new = URL.build(authority=str(given.get("external_host", ""))), _new_channel(given, request)
        if address.host is None or address.explicit_port is None:
            raise AriRefusal(400, "external_host must be <host>:<port> for all transports other than websocket")
        try:
            leg = AudioSocketLeg(UUID(str(given["data"])))
            await leg.connect(address.host, address.explicit_port)
        except (OSError, ValueError):
            raise AriRefusal(500, _INTERNAL) from None
        try:
            new = replace(new, args=[given["data"]])
            channel = self._switch.audio_channel(new, leg, f"AudioSocket/{address.authority}-{given['data']}")
        except AriRefusal:
            leg.close()
            raise AriRefusal(500, _INTERNAL) from None
        shown = {**channel.snapshot(), "channelvars": channel.variables}
        self._switch.media_connected(channel)
        leg.on_end = lambda: self._switch.hangup(channel, 16 if channel.bridge else 0, requested=0)
        self._switch.background.start(asyncio.create_task(leg.serve(), name=f"audiosocket-{channel.id}"))
        return web.json_response(shown)

    async def hangup(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        given = await parameters(request)
        reason, code = given.get("reason"), given.get("reason_code")
        if reason is not None and code is not None:
            raise AriRefusal(400, "The reason and reason_code query parameters can not both be specified")
        if reason is not None and reason not in HANGUP_REASONS:
            raise AriRefusal(400, "Invalid Reason")
        cause = int(code) if code is not None else HANGUP_REASONS[reason or "normal"]
        self._switch.hangup(channel, cause, requested=REQUESTED)
        return web.Response(status=204)

    async def indicate(self, request: web.Request) -> web.Response:
        """Answer, ring, progress and digits towards a simulated phone: accepted, and nothing comes of it."""
        self._in_stasis(self._channel(request))
        return web.Response(status=204)

    async def get_variable(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        name = request.query.get("variable")
        if not name:
            raise AriRefusal(400, "Variable name is required")
        if name not in channel.variables:
            raise AriRefusal(404, "Provided variable was not found")
        return web.json_response({"value": channel.variables[name]})

    async def set_variable(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        given = await parameters(request)
        if not given.get("variable"):
            raise AriRefusal(400, "Variable name is required")
        self._in_stasis(channel)
        self._switch.set_variable(channel, str(given["variable"]), str(given.get("value", "")))
        return web.Response(status=204)

    def _channel(self, request: web.Request) -> Channel:
        channel = self._switch.channels.get(request.match_info["channel"])
        if channel is None:
            raise AriRefusal(404, "Channel not found")
        return channel

    @staticmethod
    def _in_stasis(channel: Channel) -> None:
        if not channel.in_stasis:
            raise AriRefusal(409, "Channel not in Stasis application")

    # -- bridges

    async def list_bridges(self, _request: web.Request) -> web.Response:
        return web.json_response([bridge.snapshot() for bridge in self._switch.bridges.values()])

    async def get_bridge(self, request: web.Request) -> web.Response:
        return web.json_response(self._bridge(request).snapshot())

    async def create_bridge(self, request: web.Request) -> web.Response:
        given = await parameters(request)
        bridge_id = str(request.match_info.get("bridge") or given.get("bridgeId") or uuid4())
        if bridge_id in self._switch.bridges:
            raise AriRefusal(409, f"Bridge with id '{bridge_id}' already exists")
        bridge = Bridge(bridge_id, name=str(given.get("name", "")))
        self._switch.bridges[bridge_id] = bridge
        return web.json_response(bridge.snapshot())

    async def delete_bridge(self, request: web.Request) -> web.Response:
        self._switch.destroy(self._bridge(request))
        return web.Response(status=204)

    async def add_channel(self, request: web.Request) -> web.Response:
        bridge = self._bridge(request)
        for channel in await self._named_channels(request):
            if not channel.in_stasis:
                raise AriRefusal(422, "Channel not in Stasis application")
            self._switch.enter(bridge, channel)
        return web.Response(status=204)

    async def remove_channel(self, request: web.Request) -> web.Response:
        bridge = self._bridge(request)
        for channel in await self._named_channels(request):
            if channel.bridge is not bridge:
                raise AriRefusal(422, "Channel not in this bridge")
            self._switch.leave(bridge, channel)
        return web.Response(status=204)

    def _bridge(self, request: web.Request) -> Bridge:
        bridge = self._switch.bridges.get(request.match_info["bridge"])
        if bridge is None:
            raise AriRefusal(404, "Bridge not found")
        return bridge

    async def _named_channels(self, request: web.Request) -> list[Channel]:
        if "channel" in request.query:
            ids = [part for part in request.query["channel"].split(",") if part]
        else:
            named = (await parameters(request)).get("channel", [])
            ids = named if isinstance(named, list) else [named]
        channels = [self._switch.channels.get(channel_id) for channel_id in ids]
        if not channels or None in channels:
            raise AriRefusal(400, "Channel not found")
        return [channel for channel in channels if channel is not None]


def _number(given: dict[str, Any]) -> str:
    """The digits of an endpoint such as PJSIP/79161234567@trunk."""
    endpoint = str(given.get("endpoint", ""))
    if not endpoint:
        raise AriRefusal(400, "Endpoint must be specified")
    match = _NUMBER.search(endpoint)
    if match is None:
        raise AriRefusal(400, "Invalid endpoint specified")
    return match.group(1)


def _new_channel(given: dict[str, Any], request: web.Request) -> NewChannel:
    app = str(given.get("app", ""))
    if not app:
        raise AriRefusal(400, "Application must be specified")
    variables = given.get("variables") or {}
    caller = _CALLER.search(str(given.get("callerId") or ""))
    return NewChannel(
        app=app,
        channel_id=str(request.match_info.get("channel") or given.get("channelId") or ""),
        args=[part for part in str(given.get("appArgs") or "").split(",") if part],
        variables={str(name): str(value) for name, value in variables.items()},
        caller_number=caller.group(1) if caller else "",
    )
