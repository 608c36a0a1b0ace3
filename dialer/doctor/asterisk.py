"""One Asterisk node: its REST interface, version, modules, audio and trunk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
from collections.abc import Iterable

import aiohttp

from dialer.doctor.finding import Finding, State, failed, ok, warning
from dialer.doctor.registration import check_registration
from dialer.errors import AriError, AriUnavailableError, MediaError
from dialer.settings import Settings
from dialer.telephony.ari import AriClient
from dialer.telephony.audio_choice import choose, possible, release, running_modules, what_to_load
from dialer.telephony.audio_port import AudioHandlers, AudioKind
from dialer.telephony.audiosocket import AudioSocketDoor
from dialer.telephony.leg import ABSOLUTE_TIMEOUT

#: What a call needs, by what for.
NEEDED_MODULES = {
    "res_ari_channels": "dialing",
    "res_ari_bridges": "joining customer and bot",
    "res_ari_events": "events",
    "res_stasis": "applications",
    "res_http_websocket": "events",
    "bridge_softmix": "mixing",
    "bridge_holding": "a channel waits in it while it is being dialed",
    "func_timeout": "the cap on a call's life",
    "func_callerid": "the caller id",
    "codec_resample": "audio formats",
}
_FOR_TECHNOLOGY = {"PJSIP": {"chan_pjsip": "SIP", "res_pjsip_session": "SIP", "res_rtp_asterisk": "audio over SIP"}}
_ENDPOINT = re.compile(r"(\w+)/(?:[^/@]*@)?([\w.-]+)")


async def check_asterisk(node: str, settings: Settings) -> list[Finding]:
    """Reachable, the right version, everything loaded, a way for audio, the trunk there."""
    check = "asterisk" if node == "default" else f"asterisk {node}"
    ari = AriClient(settings.ari, "dialer-doctor")
    try:
        info = await ari.info()
        version = str(info.get("system", {}).get("version", ""))
        running = await running_modules(ari)
        findings = [_version(check, version), _modules(check, running, settings.ari.endpoint)]
        if running is not None:
            findings.append(await _audio(ari, check.replace("asterisk", "audio"), version, running))
        trunk = check.replace("asterisk", "trunk")
        findings.append(await _trunk(ari, trunk, settings.ari.endpoint, running))
        if findings[-1].state is State.OK and "res_pjsip_outbound_registration" in (running or ()):
            findings.extend(await check_registration(trunk, settings.ari))
    except AriError as error:
        return [failed(check, f"{settings.ari.url}: {error}", _advice(error))]
    except AriUnavailableError as error:
        advice = "Is Asterisk running, is http.conf enabled, is DIALER_ARI__URL right (http://HOST:8088/ari)?"
        return [failed(check, f"{settings.ari.url} cannot be reached ({str(error).split(':', 1)[0]})", advice)]
    finally:
        await ari.close()
    return findings


def _advice(error: AriError) -> str:
    if error.status in (401, 403):
        return "User or password is wrong: DIALER_ARI__USERNAME and DIALER_ARI__PASSWORD as in ari.conf."
    if error.status == 404:
        return "DIALER_ARI__URL must end in /ari; else load res_ari.so and res_ari_asterisk.so (modules.conf)."
    return "Look into Asterisk's log."


def _version(check: str, text: str) -> Finding:
    if release(text) is None:
        return warning(check, f"unknown version {text!r}", "Needed: 18 or later.")
    if not any(possible(kind, text) for kind in AudioKind):
        return failed(check, f"version {text}", "It is too old for audio: update to 18 or later.")
    return ok(check, f"version {text}")


def _modules(check: str, running: frozenset[str] | None, endpoint: str) -> Finding:
    if running is None:
        return warning(check, "does not list its modules", "Load res_ari_asterisk.so (modules.conf).")
    needed = NEEDED_MODULES | _FOR_TECHNOLOGY.get(endpoint.partition("/")[0], {})
    missing = {name: purpose for name, purpose in needed.items() if name not in running}
    if not missing:
        return ok(check, f"{len(running)} modules run, all that are needed among them")
    names = ", ".join(f"{name} ({purpose})" for name, purpose in missing.items())
    return failed(check, f"modules do not run: {names}", f"Add to modules.conf: {_loads(missing)}; then restart.")


def _loads(names: Iterable[str]) -> str:
    return ", ".join(f"load = {name}.so" for name in names)


async def _audio(ari: AriClient, check: str, version: str, running: frozenset[str]) -> Finding:
    """Which way audio takes, and whether Asterisk finds the way to us where it has to connect."""
    wanted = ari.settings.media
    kind = choose(wanted, version, running)
    if kind is None:
        way = "no way" if wanted == "auto" else f"not by {wanted}, as DIALER_ARI__MEDIA demands,"
        return failed(check, f"{way} with version {version} and its modules", what_to_load(wanted, version, running))
    if kind is AudioKind.WEBSOCKET:
        return ok(check, "by WebSocket (chan_websocket)")
    return await _asterisk_connects(ari, check)


async def _asterisk_connects(ari: AriClient, check: str) -> Finding:
    """Let Asterisk connect to this machine as it would for a call; nobody is called."""
    door, address = AudioSocketDoor(ari), "this machine"
    advice = "Let TCP through from Asterisk to here, or correct DIALER_ARI__AUDIOSOCKET__HOST, __PORT, __ADVERTISE."
    try:
        address = (await door.start()).address
        events = await ari.open_events()  # else Asterisk complains that nobody wants the channel
        try:
            channel_id = f"doctor-{secrets.token_hex(4)}-audio"
            offer = await door.offer(channel_id, {ABSOLUTE_TIMEOUT: "5"})
            audio = await offer.connect(AudioHandlers(lambda _pcm: None, lambda _mark: None, lambda: None))
            await audio.close()
            await _until_it_left(events, channel_id, ari.settings.request_timeout_s)
        finally:
            await events.close()
    except (MediaError, AriError) as error:
        return failed(check, f"Asterisk does not connect to {address} (AudioSocket): {error}", advice)
    finally:
        await door.close()
    return ok(check, f"by AudioSocket (chan_audiosocket): Asterisk connects to {address}")


async def _until_it_left(events: aiohttp.ClientWebSocketResponse, channel_id: str, timeout_s: float) -> None:
    """A channel enters the application after its audio has connected: who goes before leaves it with nobody."""
    with contextlib.suppress(TimeoutError):  # its own cap ends it then
        async with asyncio.timeout(timeout_s):
            async for message in events:
                event = json.loads(message.data)
                if event.get("type") == "StasisEnd" and event["channel"]["id"] == channel_id:
                    return


async def _trunk(ari: AriClient, check: str, endpoint: str, running: frozenset[str] | None) -> Finding:
    """The endpoint that the dial string names. State: Asterisk's own (offline: no contact answers)."""
    named = _ENDPOINT.fullmatch(endpoint.replace("{number}", "0"))
    if named is None or named[1] != "PJSIP":
        return ok(check, f"{endpoint}: nothing to look up")
    if running is None or "res_ari_endpoints" not in running:
        return warning(check, "its state cannot be asked", "Add to modules.conf: load = res_ari_endpoints.so")
    try:
        state = str((await ari.endpoint(named[1], named[2])).get("state", "unknown"))
    except AriError as error:
        if error.status != 404:
            raise
        advice = f"Define [{named[2]}] in pjsip_trunk.conf, or correct DIALER_ARI__ENDPOINT."
        return failed(check, f"there is no endpoint {named[1]}/{named[2]}", advice)
    if state == "online":
        return ok(check, f"{named[1]}/{named[2]} is online")
    if state == "offline":
        advice = (
            "The provider does not answer: TRUNK_HOST, TRUNK_PORT, its status, a firewall? `pjsip show contacts` tells."
        )
        return failed(check, f"{named[1]}/{named[2]} is offline", advice)
    advice = "Set qualify_frequency of its aor, so that it is asked whether it is there."
    return warning(check, f"{named[1]}/{named[2]}: state {state}", advice)
