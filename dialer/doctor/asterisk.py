"""One Asterisk node: its REST interface, version, modules and trunk."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dialer.doctor.finding import Finding, State, failed, ok, warning
from dialer.doctor.registration import check_registration
from dialer.errors import AriError, AriUnavailableError
from dialer.settings import Settings
from dialer.telephony.ari import AriClient

#: What a call needs, by what for.
NEEDED_MODULES = {
    "res_ari_channels": "dialing",
    "res_ari_bridges": "joining customer and bot",
    "res_ari_events": "events",
    "res_stasis": "applications",
    "res_http_websocket": "events and media",
    "chan_websocket": "media",
    "bridge_softmix": "mixing",
    "bridge_holding": "a channel waits in it while it is being dialed",
    "func_timeout": "the cap on a call's life",
    "func_callerid": "the caller id",
    "codec_resample": "audio formats",
}
_FOR_TECHNOLOGY = {"PJSIP": {"chan_pjsip": "SIP", "res_pjsip_session": "SIP", "res_rtp_asterisk": "audio over SIP"}}
#: First release of each branch with the media WebSocket's JSON messages.
_FIRST_MINOR = {20: 16, 21: 11, 22: 6}
_VERSION = re.compile(r"(\d+)\.(\d+)")
_ENDPOINT = re.compile(r"(\w+)/(?:[^/@]*@)?([\w.-]+)")


async def check_asterisk(node: str, settings: Settings) -> list[Finding]:
    """Reachable, the right version, everything loaded, the trunk there."""
    check = "asterisk" if node == "default" else f"asterisk {node}"
    ari = AriClient(settings.ari, "dialer-doctor")
    try:
        info = await ari.info()
        findings = [_version(check, str(info.get("system", {}).get("version", "")))]
        running = await _running_modules(ari)
        findings.append(_modules(check, running, settings.ari.endpoint))
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
    found = _VERSION.match(text)
    if found is None:
        return warning(check, f"unknown version {text!r}", "Needed: 20.16, 22.6 or later.")
    major, minor = int(found[1]), int(found[2])
    if major < min(_FIRST_MINOR) or minor < _FIRST_MINOR.get(major, 0):
        return failed(check, f"version {text}", "Its media WebSocket is too old: update to 20.16, 22.6 or later.")
    return ok(check, f"version {text}")


async def _running_modules(ari: AriClient) -> set[str] | None:
    """Names without .so; None if this Asterisk does not list them."""
    try:
        listed = await ari.modules()
    except AriError as error:
        if error.status == 404:
            return None
        raise
    return {str(module.get("name", "")).removesuffix(".so") for module in listed if module.get("status") == "Running"}


def _modules(check: str, running: set[str] | None, endpoint: str) -> Finding:
    if running is None:
        return warning(check, "does not list its modules", "Nothing to do if this is the simulated PBX.")
    needed = NEEDED_MODULES | _FOR_TECHNOLOGY.get(endpoint.partition("/")[0], {})
    missing = {name: purpose for name, purpose in needed.items() if name not in running}
    if not missing:
        return ok(check, f"{len(running)} modules run, all that are needed among them")
    names = ", ".join(f"{name} ({purpose})" for name, purpose in missing.items())
    return failed(check, f"modules do not run: {names}", f"Add to modules.conf: {_loads(missing)}; then restart.")


def _loads(names: Iterable[str]) -> str:
    return ", ".join(f"load = {name}.so" for name in names)


async def _trunk(ari: AriClient, check: str, endpoint: str, running: set[str] | None) -> Finding:
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
