"""A web application on a ledger of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from httpx2 import ASGITransport, AsyncClient

from dialer.settings import ApiSettings, Settings, load_settings
from dialer.web.app import create_app

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI

    from dialer.ledger.store import Ledger

READ, ENQUEUE, CONTROL = "read-token", "enqueue-token", "control-token"


@pytest.fixture
def web_settings(tmp_path: Path) -> Settings:
    tokens = ApiSettings(read_token=READ, enqueue_token=ENQUEUE, control_token=CONTROL, max_body_mb=1)
    return load_settings(home=tmp_path / "home", api=tokens)


@pytest.fixture
def app(web_settings: Settings, ledger: Ledger) -> FastAPI:
    return create_app(web_settings, ledger)


def client_of(app: FastAPI, token: str | None) -> AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://dialer.test", headers=headers)


@pytest.fixture
async def control(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with client_of(app, CONTROL) as client:
        yield client


@pytest.fixture
async def reader(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with client_of(app, READ) as client:
        yield client


@pytest.fixture
async def enqueuer(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with client_of(app, ENQUEUE) as client:
        yield client


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with client_of(app, None) as client:
        yield client
