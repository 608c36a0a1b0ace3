"""Whether the trunk's provider knows us. ARI does not tell; the manager interface does, at ARI's own address."""

from __future__ import annotations

import aiohttp

from dialer.doctor.finding import Finding, failed, ok, warning
from dialer.settings import AriSettings

#: Over HTTP with digest authentication; needs `write = reporting` (config/asterisk/manager.conf).
#: https://docs.asterisk.org/Latest_API/API_Documentation/AMI_Actions/PJSIPShowRegistrationsOutbound/
_ACTION = "/arawman?action=PJSIPShowRegistrationsOutbound"
_DETAIL = "OutboundRegistrationDetail"


async def check_registration(check: str, settings: AriSettings) -> list[Finding]:
    """One finding for each registration; none for a trunk that needs none.

    The endpoint must be known to answer: only then is a registration that fails the account's fault.
    """
    try:
        answer = await _ask(settings)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        message = f"whether it is registered cannot be asked ({type(error).__name__})"
        return [warning(check, message, "Take config/asterisk/manager.conf, or look: `pjsip show registrations`.")]
    return [_finding(check, event) for event in _events(answer) if event.get("Event") == _DETAIL]


async def _ask(settings: AriSettings) -> str:
    login = aiohttp.DigestAuthMiddleware(settings.username, settings.password.get_secret_value())
    timeout = aiohttp.ClientTimeout(total=settings.request_timeout_s)
    url = settings.url.rstrip("/").removesuffix("/ari") + _ACTION
    async with (
        aiohttp.ClientSession(timeout=timeout, middlewares=(login,), raise_for_status=True) as session,
        session.get(url) as response,
    ):
        return await response.text()


def _events(answer: str) -> list[dict[str, str]]:
    """Blocks of `Name: value` lines with an empty line between them."""
    blocks = answer.replace("\r\n", "\n").split("\n\n")
    lines = ([line.partition(":") for line in block.splitlines()] for block in blocks)
    return [{name.strip(): value.strip() for name, _, value in block} for block in lines]


def _finding(check: str, event: dict[str, str]) -> Finding:
    state, where = event.get("Status", "unknown"), event.get("ServerUri", "")
    message = f"registration {event.get('ObjectName')} at {where}: {state}"
    if state == "Registered":
        return ok(check, message)
    if state == "Rejected":
        advice = (
            "The provider refuses the account: correct TRUNK_USERNAME and TRUNK_PASSWORD, write Asterisk's files anew."
        )
        return failed(check, message, advice)
    return failed(
        check, message, "Not registered (yet): ask again in half a minute; then `pjsip set logger on` shows why."
    )
