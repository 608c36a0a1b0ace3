"""The doctor, with every mistake made on purpose: it has to be named, with something to do about it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dialer.doctor.asterisk import NEEDED_MODULES, check_asterisk
from dialer.doctor.clock import check_clock
from dialer.doctor.finding import Finding, State
from dialer.doctor.providers import check_providers
from dialer.doctor.scripts import check_scripts
from dialer.doctor.shop import check_orders_api
from dialer.doctor.surroundings import check_surroundings, unknown_variables
from dialer.errors import ConfigError
from dialer.settings import OrdersApiSettings, Settings, config_dir, load_settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_MORE_MODULES = ("chan_websocket", "chan_pjsip", "res_pjsip_session", "res_rtp_asterisk", "res_ari_endpoints")


#: What Asterisk 22.10 answers, less most fields.
_REGISTRATIONS = """Response: Success\r
EventList: start\r
Message: Following are Events for each Outbound registration\r
\r
Event: OutboundRegistrationDetail\r
ObjectName: trunk\r
ServerUri: sip:sip.example:5060\r
Status: {state}\r
NextReg: 0\r
\r
Event: AuthDetail\r
ObjectName: trunk\r
Password: another-s3cret\r
\r
Event: OutboundRegistrationDetailComplete\r
EventList: Complete\r
Registered: 0\r
\r
"""


class FakeServer:
    """Asterisk, shop or provider: answers by path; the first that fits."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.login: str | None = None
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.login is not None and request.headers.get("Authorization") != self.login:
            return web.json_response({"error": "Unauthorized"}, status=401)
        status, body = self.answers.get(request.path, (404, {"message": "Resource not found"}))
        if isinstance(body, str):
            return web.Response(text=body, status=status)
        return web.json_response(body, status=status)


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    fake = FakeServer()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", fake.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


def worst(findings: list[Finding]) -> Finding:
    """The gravest finding; it must say what to do."""
    order = (State.OK, State.WARNING, State.FAILED)
    found = max(findings, key=lambda finding: order.index(finding.state))
    assert found.state is State.OK or found.advice
    return found


class TestAsterisk:
    """A fake ARI that is sound but for one thing."""

    @pytest.fixture(autouse=True)
    def _sound(self, server: FakeServer) -> None:
        server.answers = {
            "/ari/asterisk/info": (200, {"system": {"version": "22.6.0"}}),
            "/ari/asterisk/modules": (200, self._modules()),
            "/ari/endpoints/PJSIP/trunk": (200, {"state": "online"}),
        }

    @staticmethod
    def _modules(*, without: str = "", stopped: str = "") -> list[dict[str, str]]:
        names = [name for name in (*NEEDED_MODULES, *_MORE_MODULES) if name not in without.split()]
        return [{"name": f"{name}.so", "status": "Not Running" if name == stopped else "Running"} for name in names]

    @staticmethod
    async def _check(server: FakeServer, **ari: str) -> list[Finding]:
        settings = load_settings(ari={"url": f"{server.url}/ari", "password": "s3cret", **ari})
        return await check_asterisk("default", settings)

    async def test_a_sound_one_is_ok(self, server: FakeServer) -> None:
        assert worst(await self._check(server)).state is State.OK

    async def test_a_wrong_password(self, server: FakeServer) -> None:
        server.login = "Basic another"

        found = worst(await self._check(server))

        assert found.state is State.FAILED
        assert "401" in found.message
        assert "DIALER_ARI__PASSWORD" in found.advice
        assert "s3cret" not in found.message + found.advice

    async def test_nobody_listens(self, server: FakeServer) -> None:
        found = worst(await self._check(server, url="http://127.0.0.1:9/ari"))

        assert found.state is State.FAILED
        assert "cannot be reached" in found.message

    async def test_a_url_without_ari(self, server: FakeServer) -> None:
        found = worst(await self._check(server, url=server.url))

        assert found.state is State.FAILED
        assert "must end in /ari" in found.advice

    async def test_a_version_that_is_too_old(self, server: FakeServer) -> None:
        server.answers["/ari/asterisk/info"] = (200, {"system": {"version": "16.30.0"}})

        found = worst(await self._check(server))

        assert (found.state, found.message) == (State.FAILED, "version 16.30.0")

    @pytest.mark.parametrize("version", ["18.20.0", "20.15.2", "22.5.1", "21.10.0"])
    async def test_an_older_version_without_audiosocket_is_told_to_load_it(
        self, server: FakeServer, version: str
    ) -> None:
        server.answers["/ari/asterisk/info"] = (200, {"system": {"version": version}})

        found = worst(await self._check(server))

        assert (found.check, found.state) == ("audio", State.FAILED)
        assert "load = res_audiosocket.so, load = chan_audiosocket.so" in found.advice
        assert "chan_websocket" not in found.advice

    async def test_neither_way_for_audio_names_both(self, server: FakeServer) -> None:
        server.answers["/ari/asterisk/modules"] = (200, self._modules(without="chan_websocket"))

        found = worst(await self._check(server))

        assert (found.check, found.state) == ("audio", State.FAILED)
        assert "load = chan_websocket.so; or load = res_audiosocket.so" in found.advice

    async def test_a_way_that_ops_demand_and_asterisk_lacks(self, server: FakeServer) -> None:
        found = worst(await self._check(server, media="audiosocket"))

        assert found.state is State.FAILED
        assert "DIALER_ARI__MEDIA" in found.message

    @pytest.mark.parametrize("version", ["20.16.0", "22.10.0~dfsg", "23.0.1"])
    async def test_versions_that_will_do(self, server: FakeServer, version: str) -> None:
        server.answers["/ari/asterisk/info"] = (200, {"system": {"version": version}})

        assert worst(await self._check(server)).state is State.OK

    @pytest.mark.parametrize("module", ["chan_websocket", "bridge_holding", "chan_pjsip"])
    @pytest.mark.parametrize("how", ["without", "stopped"])
    async def test_a_module_that_is_missing(self, server: FakeServer, module: str, how: str) -> None:
        server.answers["/ari/asterisk/modules"] = (200, self._modules(**{how: module}))

        found = worst(await self._check(server))

        assert found.state is State.FAILED
        assert f"load = {module}.so" in found.advice

    async def test_a_trunk_that_is_not_defined(self, server: FakeServer) -> None:
        found = worst(await self._check(server, endpoint="PJSIP/{number}@tronk"))

        assert found.state is State.FAILED
        assert "PJSIP/tronk" in found.message

    @pytest.mark.parametrize(("state", "grade"), [("offline", State.FAILED), ("unknown", State.WARNING)])
    async def test_a_trunk_that_does_not_answer(self, server: FakeServer, state: str, grade: State) -> None:
        server.answers["/ari/endpoints/PJSIP/trunk"] = (200, {"state": state})

        found = worst(await self._check(server))

        assert (found.check, found.state) == ("trunk", grade)

    @pytest.mark.parametrize(
        ("state", "grade", "says"),
        [
            ("Registered", State.OK, ""),
            ("Rejected", State.FAILED, "TRUNK_PASSWORD"),
            ("Unregistered", State.FAILED, "pjsip set logger on"),
        ],
    )
    async def test_a_provider_that_answers_and_does_not_know_us(
        self, server: FakeServer, state: str, grade: State, says: str
    ) -> None:
        names = [*NEEDED_MODULES, *_MORE_MODULES, "res_pjsip_outbound_registration"]
        server.answers |= {
            "/ari/asterisk/modules": (200, [{"name": f"{name}.so", "status": "Running"} for name in names]),
            "/arawman": (200, _REGISTRATIONS.format(state=state)),
        }

        found = worst(await self._check(server))

        assert (found.check if grade is State.FAILED else "trunk", found.state) == ("trunk", grade)
        assert says in found.advice
        assert "s3cret" not in found.message + found.advice

    async def test_a_registration_that_cannot_be_asked_for(self, server: FakeServer) -> None:
        names = [*NEEDED_MODULES, *_MORE_MODULES, "res_pjsip_outbound_registration"]
        modules = [{"name": f"{name}.so", "status": "Running"} for name in names]
        server.answers["/ari/asterisk/modules"] = (200, modules)

        found = worst(await self._check(server))

        assert (found.check, found.state) == ("trunk", State.WARNING)
        assert "manager.conf" in found.advice

    async def test_trunk_states_that_cannot_be_asked(self, server: FakeServer) -> None:
        server.answers["/ari/asterisk/modules"] = (200, self._modules(without="res_ari_endpoints"))

        found = worst(await self._check(server))

        assert found.state is State.WARNING
        assert "res_ari_endpoints" in found.advice


class TestScripts:
    """A copy of the shipped scripts with one slip."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return Path(shutil.copytree(config_dir() / "scripts", tmp_path / "scripts"))

    def test_the_shipped_ones_can_be_said(self, folder: Path) -> None:
        findings, usable = check_scripts(folder, "Твой выбор")

        assert worst(findings).state is State.OK
        assert {"delivery", "personal"} <= usable

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("{{ custommer_name }}", "custommer_name"),
            ("{{ amount|roubles }}", "roubles"),
            ("{% if address %}", "Unexpected end"),
            ("{{ new_date }}", "new_date"),
            ("{% if address == 'x' %}да{% endif %}", "says nothing"),
        ],
    )
    def test_a_slip_in_a_greeting_is_named_with_its_script(self, folder: Path, text: str, says: str) -> None:
        (folder / "delivery_greeting.j2").write_text(text, "utf-8")

        findings, usable = check_scripts(folder, "Твой выбор")

        found = next(finding for finding in findings if finding.state is State.FAILED)
        assert "script delivery, prompt greeting" in found.message
        assert says in found.message
        assert found.advice
        assert "delivery" not in usable
        assert "personal" in usable

    def test_an_unknown_prompt(self, folder: Path) -> None:
        (folder / "odd.yaml").write_text("extends: delivery\nprompts: {greting: Привет}\n", "utf-8")

        assert "greting" in worst(check_scripts(folder, "x")[0]).message

    def test_a_column_that_orders_may_lack_is_a_warning(self, folder: Path) -> None:
        (folder / "delivery_greeting.j2").write_text("Ваш {{ attributes.товар }}.", "utf-8")

        findings, usable = check_scripts(folder, "x")

        assert worst(findings).state is State.WARNING
        assert "delivery" in usable

    def test_no_scripts_at_all(self, tmp_path: Path) -> None:
        assert worst(check_scripts(tmp_path, "x")[0]).state is State.FAILED


class TestOrdersApi:
    @staticmethod
    async def _check(url: str, token: str = "") -> Finding:
        (found,) = await check_orders_api(OrdersApiSettings(url=url, token=token, timeout_s=2))
        return found

    async def test_a_shop_that_does_not_know_the_order_is_well(self, server: FakeServer) -> None:
        assert (await self._check(server.url)).state is State.OK

    async def test_a_wrong_token(self, server: FakeServer) -> None:
        server.login = "Bearer right"

        found = await self._check(server.url, "wrong")

        assert found.state is State.FAILED
        assert "DIALER_ORDERS_API__TOKEN" in found.advice

    async def test_a_shop_that_fails(self, server: FakeServer) -> None:
        server.answers["/orders/dialer-doctor"] = (503, {})

        found = await self._check(server.url)

        assert found.state is State.FAILED
        assert "503" in found.message

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9", "ftp://shop", "shop.example"])
    async def test_an_address_where_nobody_is(self, url: str) -> None:
        found = await self._check(url)

        assert found.state is State.FAILED
        assert "DIALER_ORDERS_API__URL" in found.advice

    async def test_none_configured_is_a_warning(self) -> None:
        assert (await self._check("")).state is State.WARNING


class TestProviders:
    @staticmethod
    def _settings(server: FakeServer, **values: Any) -> Settings:
        openai = {"base_url": f"{server.url}/v1", "api_key": "k3y", "chat_model": "small"}
        return load_settings(
            **({"speech": {"recognizer": "openai"}, "understanding": {"llm": True}, "openai": openai} | values)
        )

    @staticmethod
    async def _provider(settings: Settings) -> Finding:
        return next(finding for finding in await check_providers(settings) if finding.check == "provider")

    async def test_one_that_knows_the_models_is_ok(self, server: FakeServer) -> None:
        names = [{"id": name} for name in ("small", "gpt-4o-mini-transcribe")]
        server.answers["/v1/models"] = (200, {"data": names})

        assert (await self._provider(self._settings(server))).state is State.OK

    async def test_a_wrong_key(self, server: FakeServer) -> None:
        server.login = "Bearer another"

        found = await self._provider(self._settings(server))

        assert found.state is State.FAILED
        assert "DIALER_OPENAI__API_KEY" in found.advice
        assert "k3y" not in found.message

    async def test_a_model_that_the_provider_does_not_list(self, server: FakeServer) -> None:
        server.answers["/v1/models"] = (200, {"data": [{"id": "small"}]})

        found = await self._provider(self._settings(server))

        assert found.state is State.WARNING
        assert "transcribe_model=gpt-4o-mini-transcribe" in found.message

    async def test_a_provider_that_is_not_there(self, server: FakeServer) -> None:
        openai = {"base_url": "http://127.0.0.1:9/v1", "api_key": "k3y"}

        assert (await self._provider(self._settings(server, openai=openai))).state is State.FAILED

    async def test_no_key(self, server: FakeServer) -> None:
        findings = await check_providers(load_settings(understanding={"llm": True}))

        found = next(finding for finding in findings if finding.check == "provider")
        assert (found.state, found.advice) == (State.FAILED, "Set DIALER_OPENAI__API_KEY.")

    async def test_a_phrase_bank_that_is_not_there(self, tmp_path: Path) -> None:
        settings = load_settings(speech={"recognizer": "phrase_bank", "phrase_bank": tmp_path / "none.json"})

        found = next(finding for finding in await check_providers(settings) if finding.check == "hearing")

        assert found.state is State.FAILED
        assert found.advice


@pytest.mark.parametrize(
    ("values", "state", "says"),
    [
        ({"calls": {"allowed_prefixes": ["+7"]}}, State.FAILED, "allowed_prefixes"),
        ({"calls": {"allowed_prefixes": []}}, State.FAILED, "allowed_prefixes"),
        ({"ari": {"endpoint": "PJSIP/trunk"}}, State.FAILED, "{number}"),
        ({"time_scale": 900}, State.WARNING, "time_scale"),
        ({"home": "/dev/null/dialer"}, State.FAILED, "/dev/null"),
        ({"pickup": {"folder": "/nowhere/orders"}}, State.FAILED, "/nowhere/orders"),
    ],
)
def test_unwise_settings_are_named(values: dict[str, Any], state: State, says: str, tmp_path: Path) -> None:
    settings = load_settings(**({"home": tmp_path, "api": {"control_token": "t"}} | values))

    found = worst(check_surroundings(settings))

    assert found.state is state
    assert says in f"{found.check} {found.message}"


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=50_000_000))

    found = worst(check_surroundings(load_settings(home=tmp_path, api={"control_token": "t"})))

    assert (found.check, found.state) == ("disk", State.FAILED)


@pytest.mark.parametrize(("off_s", "state"), [(0, State.OK), (-30, State.WARNING), (600, State.FAILED)])
async def test_a_clock_that_is_off_is_told_by_anybodys_answer(server: FakeServer, off_s: int, state: State) -> None:
    found = worst(await check_clock(server.url, lambda: datetime.now(UTC) + timedelta(seconds=off_s)))

    assert (found.check, found.state) == ("clock", state)


async def test_no_clock_to_compare_with_is_no_finding() -> None:
    assert await check_clock("http://127.0.0.1:9") == []
    assert await check_clock("") == []


def test_a_variable_that_nothing_reads_is_named() -> None:
    names = ["DIALER_TICKS", "DIALER_HOME", "DIALER_CONFIG_DIR", "DIALER_ARI__URL", "PATH"]

    (found,) = unknown_variables(names)

    assert "DIALER_TICKS" in found.message
    assert found.advice == "Is DIALER_TICK_S meant?"


def test_a_slip_in_a_section_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_ARI__PASWORD", "s3cret")

    with pytest.raises(ConfigError, match=r"ari\.pasword") as refused:
        load_settings()

    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("content", ["[ari", "\x00"])
def test_a_settings_file_that_is_none_is_named(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "default.toml").write_text(content)
    monkeypatch.setenv("DIALER_CONFIG_DIR", str(tmp_path))

    with pytest.raises(ConfigError, match="settings cannot be read"):
        load_settings()
