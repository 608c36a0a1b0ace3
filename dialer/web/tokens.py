"""Who may do what: bearer tokens by scope, and signed sessions for browsers that showed one.

A session is worth the scope of the token it was opened with, until that token is changed or it runs out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from dialer.errors import ConfigError
from dialer.settings import ApiSettings

#: How long a browser stays logged in.
SESSION_S = 12 * 3600
_KEY_BYTES = 32
_LONGEST_SESSION = 512


class Scope(IntEnum):
    """What a token is good for; each scope includes the smaller ones."""

    #: Look at everything; phone numbers are masked.
    READ = 1
    #: Hand over batches of orders.
    ENQUEUE = 2
    #: Create, start and stop campaigns, see phone numbers.
    CONTROL = 3


class Tokens:
    """The configured tokens. An empty one opens nothing."""

    def __init__(self, settings: ApiSettings) -> None:
        named = {
            Scope.READ: settings.read_token,
            Scope.ENQUEUE: settings.enqueue_token,
            Scope.CONTROL: settings.control_token,
        }
        self._digests = {scope: _digest(token.get_secret_value()) for scope, token in named.items() if token}

    def scope_of(self, token: str) -> Scope | None:
        """The token's scope. Every configured token is compared, in constant time."""
        shown = _digest(token)
        matching = [scope for scope, known in self._digests.items() if hmac.compare_digest(known, shown)]
        return max(matching, default=None)

    @property
    def fingerprint(self) -> bytes:
        """Changes whenever a token does."""
        return b"".join(scope.to_bytes(1, "big") + digest for scope, digest in sorted(self._digests.items()))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A logged-in browser. `csrf` goes into every form."""

    scope: Scope
    csrf: str


class Signer:
    """Makes and reads session cookies, with a key that the tokens are part of."""

    def __init__(self, secret: bytes, tokens: Tokens) -> None:
        self._key = hmac.new(secret, b"board session" + tokens.fingerprint, hashlib.sha256).digest()

    def issue(self, scope: Scope, now_s: float) -> str:
        """A cookie's value for a new session."""
        facts = {"scope": int(scope), "until": int(now_s) + SESSION_S, "nonce": secrets.token_urlsafe(12)}
        payload = _encode(json.dumps(facts, separators=(",", ":")).encode())
        return f"{payload}.{self._sign('session', payload)}"

    def read(self, value: str, now_s: float) -> BrowserSession | None:
        """The session of a cookie's value; None if it is not ours or has run out."""
        payload, _, signature = value[:_LONGEST_SESSION].partition(".")
        if not same(signature, self._sign("session", payload)):
            return None
        facts = json.loads(_decode(payload))
        if facts["until"] <= now_s:
            return None
        return BrowserSession(Scope(facts["scope"]), self._sign("csrf", payload))

    def _sign(self, purpose: str, text: str) -> str:
        message = f"{purpose}:{text}".encode("utf-8", "surrogatepass")
        return _encode(hmac.new(self._key, message, hashlib.sha256).digest())


def same(left: str, right: str) -> bool:
    """Whether two secrets are equal, in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def session_secret(home: Path) -> bytes:
    """The installation's own secret, made on first use, so that sessions outlive a restart. Raises ConfigError."""
    path = home / "web.key"
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create(path, secrets.token_bytes(_KEY_BYTES))
        secret = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"home: {path} cannot be used: {error.strerror}") from error
    if len(secret) != _KEY_BYTES:
        raise ConfigError(f"home: {path} is damaged: remove it")
    return secret


def _create(path: Path, secret: bytes) -> None:
    """Appears whole or not at all, readable by its owner only; a process that was quicker wins."""
    draft = path.with_suffix(f".{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secret)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""


def no_tokens(settings: ApiSettings) -> bool:
    """Whether nobody could log in."""
    named: Sequence[object] = (settings.read_token, settings.enqueue_token, settings.control_token)
    return not any(named)
