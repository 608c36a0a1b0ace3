"""Settings that are valid and still unwise, and this machine: disk, folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from dialer.doctor.finding import Finding, failed, ok, warning
from dialer.settings import Settings

_LITTLE_BYTES = 2_000_000_000
_TOO_LITTLE_BYTES = 200_000_000
_PREFIX = "DIALER_"
#: What else may be in the environment: places, and what scripts and tests read.
_NO_SETTINGS = ("CONFIG_DIR", "SECRETS_DIR", "ENV_FILE", "ASTERISK_", "DEBIAN_", "REQUIRE_REAL", "COMPLETE")


def check_surroundings(settings: Settings) -> list[Finding]:
    """Settings, disk and folders."""
    unwise = [*_unwise(settings), *unknown_variables(os.environ)]
    return [*(unwise or [ok("settings", "nothing to say against them")]), _disk(settings.home), *_pickup(settings)]


def _unwise(settings: Settings) -> Iterator[Finding]:
    prefixes = settings.calls.allowed_prefixes
    if not prefixes or not all(prefix.isascii() and prefix.isdigit() for prefix in prefixes):
        message = f"calls.allowed_prefixes: {prefixes} are no country codes"
        yield failed("settings", message, 'Nothing can be dialed. Write digits without a plus, e.g. ["7"].')
    for node in settings.node_lines:
        endpoint = settings.on_node(node).ari.endpoint
        if "{number}" not in endpoint:
            advice = "Write it as PJSIP/{number}@trunk."
            yield failed("settings", f"ari.endpoint of node {node}: {endpoint!r} has no {{number}}", advice)
    if settings.time_scale != 1:
        message = f"time_scale is {settings.time_scale:g}: customers are called again that much sooner"
        yield warning("settings", message, "Unset DIALER_TIME_SCALE outside of demos.")
    tokens = (settings.api.read_token, settings.api.enqueue_token, settings.api.control_token)
    made_by_up = settings.home / "up" / "api-token"
    if not any(token.get_secret_value() for token in tokens) and not made_by_up.is_file():
        message = "no API token: `dialer api` makes one up at every start"
        yield warning("settings", message, "Set DIALER_API__CONTROL_TOKEN (and READ, ENQUEUE).")


def unknown_variables(names: Iterable[str]) -> Iterator[Finding]:
    """Variables that look like settings and are none. A slip behind two underscores is refused at start."""
    known = list(Settings.model_fields)
    for name in sorted(names):
        first = name.removeprefix(_PREFIX).partition("__")[0].lower()
        if not name.startswith(_PREFIX) or first in known or name.removeprefix(_PREFIX).startswith(_NO_SETTINGS):
            continue
        near = get_close_matches(first, known, 1)
        advice = f"Is {_PREFIX}{near[0].upper()} meant?" if near else "Remove it; docs/configuration.md lists them all."
        yield warning("settings", f"{name} is no setting: nothing reads it", advice)


def _disk(home: Path) -> Finding:
    """Room for recordings, prompts and the embedded database."""
    existing = next(path for path in (home, *home.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return failed(
            "disk", f"{existing} is no folder that can be written", "Give its user the right to, or set DIALER_HOME."
        )
    free = shutil.disk_usage(existing).free
    message = f"{free / 1e9:.1f} GB free for recordings and prompts in {home}"
    advice = "Make room, lower retention.recordings_days, or set DIALER_HOME to another disk."
    if free < _TOO_LITTLE_BYTES:
        return failed("disk", message, advice)
    return warning("disk", message, advice) if free < _LITTLE_BYTES else ok("disk", message)


def _pickup(settings: Settings) -> Iterator[Finding]:
    folder = settings.pickup.folder
    if folder is None:
        return
    advice = "Create it, or correct DIALER_PICKUP__FOLDER."
    if not folder.is_dir():
        yield failed("watched folder", f"there is no folder {folder}", advice)
        return
    closed = [path.name for path in folder.iterdir() if path.is_dir() and not os.access(path, os.W_OK | os.X_OK)]
    if closed:
        message = f"may not write to {', '.join(sorted(closed))} in {folder}"
        yield failed(
            "watched folder", message, "Files are moved once they are imported: give the dialer's user access."
        )
    else:
        yield ok("watched folder", str(folder))
