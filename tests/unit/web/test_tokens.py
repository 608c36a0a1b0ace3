"""Tokens, sessions and the installation's secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dialer.errors import ConfigError
from dialer.settings import ApiSettings
from dialer.web.board.sessions import WrongTokens, way_back
from dialer.web.tokens import SESSION_S, Scope, Signer, Tokens, no_tokens, session_secret

if TYPE_CHECKING:
    from pathlib import Path

SECRET = bytes(32)


def tokens(**given: str) -> Tokens:
    return Tokens(ApiSettings(**given))


def test_a_token_has_the_scope_it_was_configured_for() -> None:
    known = tokens(read_token="r", enqueue_token="e", control_token="c")

    assert [known.scope_of(token) for token in ("r", "e", "c", "x", "")] == [
        *(Scope.READ, Scope.ENQUEUE, Scope.CONTROL, None, None)
    ]


def test_an_empty_token_opens_nothing() -> None:
    assert tokens().scope_of("") is None
    assert no_tokens(ApiSettings())
    assert not no_tokens(ApiSettings(read_token="r"))


def test_one_token_for_two_scopes_has_the_larger() -> None:
    assert tokens(read_token="same", control_token="same").scope_of("same") is Scope.CONTROL


def test_a_session_lasts_its_time_and_ends() -> None:
    signer = Signer(SECRET, tokens(read_token="r"))
    cookie = signer.issue(Scope.READ, 1000.0)

    session = signer.read(cookie, 1000.0 + SESSION_S - 1)

    assert session is not None
    assert session.scope is Scope.READ
    assert signer.read(cookie, 1000.0 + SESSION_S) is None


@pytest.mark.parametrize("damage", ["", ".", "x", "e30.x", "\ud800.\ud800", "a" * 5000])
def test_a_cookie_that_is_not_ours_is_no_session(damage: str) -> None:
    assert Signer(SECRET, tokens(read_token="r")).read(damage, 0.0) is None


def test_a_changed_cookie_is_no_session() -> None:
    signer = Signer(SECRET, tokens(read_token="r"))
    cookie = signer.issue(Scope.READ, 0.0)
    payload, _, signature = cookie.partition(".")
    larger = signer.issue(Scope.CONTROL, 0.0).partition(".")[0]

    assert signer.read(f"{larger}.{signature}", 0.0) is None
    assert signer.read(f"{payload}.{signature[:-2]}AA", 0.0) is None


def test_changing_a_token_ends_all_sessions() -> None:
    cookie = Signer(SECRET, tokens(read_token="r")).issue(Scope.READ, 0.0)

    assert Signer(SECRET, tokens(read_token="other")).read(cookie, 0.0) is None
    assert Signer(bytes([1]) * 32, tokens(read_token="r")).read(cookie, 0.0) is None


def test_each_session_has_a_form_token_of_its_own() -> None:
    signer = Signer(SECRET, tokens(read_token="r"))
    sessions = [signer.read(signer.issue(Scope.READ, 0.0), 0.0) for _ in range(2)]

    assert len({session.csrf for session in sessions if session}) == 2


def test_the_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first, again = session_secret(tmp_path / "home"), session_secret(tmp_path / "home")

    assert first == again
    assert (tmp_path / "home" / "web.key").stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["web.key"]


def test_a_damaged_secret_is_named(tmp_path: Path) -> None:
    (tmp_path / "web.key").write_bytes(b"short")

    with pytest.raises(ConfigError, match=r"web\.key"):
        session_secret(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ("/board/campaigns/1", "/board/campaigns/1"),
        (None, "/board"),
        ("https://evil.example/board", "/board"),
        ("//evil.example/board", "/board"),
        ("/board//evil.example", "/board"),
        ("/boardroom", "/board"),
        ("/board/\\evil.example", "/board"),
    ],
)
def test_login_leads_back_to_the_board_only(wanted: str | None, place: str) -> None:
    assert way_back(wanted) == place


def test_whoever_guesses_tokens_has_to_wait_a_minute() -> None:
    wrong = WrongTokens()
    for moment in range(10):
        assert not wrong.is_guessing("a", moment)
        wrong.note("a", moment)

    assert wrong.is_guessing("a", 10)
    assert not wrong.is_guessing("b", 10)
    assert not wrong.is_guessing("a", 71)
