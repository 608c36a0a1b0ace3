"""The live board in a real headless Chromium: log in, see the ledger's numbers, press buttons, watch it change."""

from __future__ import annotations

import asyncio
import json
import re
import wave
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from dialer.campaigns import import_orders
from dialer.domain.campaign import CampaignState
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.ledger.campaigns import get_campaign
from dialer.ledger.store import Ledger
from tests.support.browser import DESKTOP, PHONE, Watched, browser_context, chromium
from tests.support.factories import CONFIRMED, NO_ANSWER, make_order, release_and_claim, settle
from tests.support.stories import tell
from tests.support.web_server import CONTROL, READ, WebServer

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(180)]

NAME = "Ночной <обзвон>"
CANCELLED = Outcome(Disposition.ANSWERED, Decision.CANCELLED, talk_s=16.0)
FILES = {"recording": "calls/1/a.wav", "transcript": "calls/1/a.json", "sources": {"rules": 3}}
LINES = [
    {"at_s": 0.0, "who": "bot", "text": "Здравствуйте! Вы оформили заказ номер 45678."},
    {"at_s": 1.2, "who": "customer", "text": "Нет, <b>отмените</b>", "action": "cancel", "source": "rules"},
]


#: Resolves once a property of the audio is at least so large.
AUDIO_REACHES = """([property, least, event]) => new Promise((done) => {
    const audio = document.getElementById("recording");
    const look = () => { if (audio[property] >= least) done(); };
    audio.addEventListener(event, look);
    look();
})"""


@dataclass(frozen=True)
class Board:
    """A running board and the ledger below it."""

    url: str
    database_url: str

    def on_ledger(self, work: Callable[[Ledger], Coroutine[Any, Any, Any]]) -> Any:
        """Do something to the ledger while the board runs."""

        async def run() -> Any:
            ledger = Ledger(self.database_url)
            try:
                return await work(ledger)
            finally:
                await ledger.close()

        # Playwright keeps an event loop in this thread.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(run())).result()

    def campaign_page(self) -> str:
        campaign_id = self.on_ledger(_campaign_id)
        return f"{self.url}/board/campaigns/{campaign_id}"


async def _campaign_id(ledger: Ledger) -> int:
    async with ledger.begin() as tx:
        campaign = await get_campaign(tx, NAME)
    assert campaign is not None
    return campaign.id


async def _state(ledger: Ledger) -> CampaignState:
    async with ledger.begin() as tx:
        campaign = await get_campaign(tx, NAME)
    assert campaign is not None
    return campaign.state


async def _fill(ledger: Ledger) -> None:
    """Nine confirmed, one cancelled, one waiting: 90.0 % of ten decisions."""
    stories = [[CONFIRMED]] * 9 + [[CANCELLED], [NO_ANSWER]]
    await tell(ledger, [(make_order(), story) for story in stories], artifacts=FILES, name=NAME)


def _save_files(home: Path) -> None:
    folder = home / "calls" / "1"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps({"lines": LINES}), "utf-8")
    with wave.open(str(folder / "a.wav"), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(4 * 8000 * 3))


@pytest.fixture
def board(database_url: str, tmp_path: Path) -> Iterator[Board]:
    chromium()
    _save_files(tmp_path / "home")
    with WebServer(database_url, tmp_path / "home") as url:
        board = Board(url, database_url)
        board.on_ledger(_fill)
        yield board


@pytest.fixture
def desktop(board: Board, tmp_path: Path) -> Iterator[Watched]:
    with browser_context(tmp_path / "profile", viewport=DESKTOP, locale="ru-RU") as context:
        watched = Watched(context)
        yield watched
        assert watched.hosts <= {board.url.removeprefix("http://")}


def log_in(page: Page, board: Board, token: str = CONTROL) -> None:
    page.goto(f"{board.url}/board")
    page.fill("#token", token)
    page.press("#token", "Enter")
    page.wait_for_selector("h1")


def see(page: Page, text: str, where: str = "main") -> None:
    """Wait until a part of the page says `text`, spaces of any kind alike."""
    pattern = re.compile(re.sub(r"\s+", r"\\s*", re.escape(text).replace("\\ ", " ")))
    page.locator(where).filter(has_text=pattern).first.wait_for(timeout=15_000)


def test_the_board_shows_the_ledgers_numbers_and_follows_them(board: Board, desktop: Watched) -> None:
    page = desktop.page
    page.goto(f"{board.url}/board")
    page.fill("#token", "wrong")
    page.press("#token", "Enter")
    see(page, "Такого ключа нет", "[role=alert]")
    log_in(page, board)
    see(page, "90,0 %", "article")

    page.click(f"text={NAME}")
    see(page, "9 из 10 решений", ".goal")
    see(page, "цель достигнута", ".goal")
    see(page, "10,0 %", ".tile")
    assert page.title() == f"{NAME} · Обзвон"

    async def one_more(ledger: Ledger) -> None:
        new = make_order()
        await import_orders(ledger, NAME, [[new]], now=(await ledger.now()))
        jobs = await release_and_claim(ledger, now=await ledger.now())
        (job,) = [job for job in jobs if job.order.order_id == new.order_id]
        await settle(ledger, job.attempt_id, CONFIRMED, now=await ledger.now())

    board.on_ledger(one_more)
    see(page, "10 из 11 решений", ".goal")
    assert [text for text in desktop.complaints if "401" not in text] == []


def test_a_campaign_is_paused_and_resumed_and_stopped(board: Board, desktop: Watched) -> None:
    page = desktop.page
    log_in(page, board)
    page.goto(board.campaign_page())

    page.click("text=Пауза")
    see(page, "на паузе", "#state")
    assert board.on_ledger(_state) is CampaignState.PAUSED
    page.click("text=Продолжить")
    see(page, "идёт", "#state")
    page.click("text=Остановить насовсем")
    page.click("text=Да, остановить")
    see(page, "остановлена", "#state")
    assert board.on_ledger(_state) is CampaignState.STOPPED


def test_a_reader_has_no_buttons_and_cannot_press_them(board: Board, desktop: Watched) -> None:
    page = desktop.page
    log_in(page, board, READ)
    page.goto(board.campaign_page())
    see(page, "идёт", "#state")

    assert page.locator("#move-pause").count() == 0
    csrf = page.locator("input[name=csrf]").first.get_attribute("value")
    pressed = page.request.post(f"{board.campaign_page()}/pause", form={"csrf": csrf or ""})
    assert pressed.status == 403
    assert board.on_ledger(_state) is CampaignState.RUNNING


def test_a_call_can_be_read_and_heard(board: Board, desktop: Watched) -> None:
    page = desktop.page
    log_in(page, board)
    page.goto(board.campaign_page())
    page.locator("[data-region=recent] a").first.click()

    see(page, "Нет, <b>отмените</b>", ".customer")
    see(page, "отменяет", ".customer")
    page.evaluate(AUDIO_REACHES, ["readyState", 1, "loadedmetadata"])
    assert page.evaluate("document.getElementById('recording').duration") == pytest.approx(3.0, abs=0.05)
    page.locator(".seek").nth(1).click()
    page.evaluate(AUDIO_REACHES, ["currentTime", 1.2, "timeupdate"])
    assert desktop.complaints == []


def test_everything_can_be_done_without_a_mouse(board: Board, desktop: Watched) -> None:
    page = desktop.page
    page.goto(f"{board.url}/board")
    page.keyboard.type(CONTROL)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Кампании')")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    while page.evaluate("document.activeElement.innerText") != NAME:
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#move-pause")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "move-pause":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")

    assert outline == "solid"
    see(page, "на паузе", "#state")


def test_both_languages_are_whole(board: Board, desktop: Watched) -> None:
    page = desktop.page
    log_in(page, board)
    page.goto(board.campaign_page())

    page.click("text=English")
    see(page, "9 of 10 decisions", ".goal")
    page.reload()
    see(page, "90.0%", ".goal")
    words = page.locator("main").inner_text().replace(NAME, "")
    assert not re.search("[а-яА-Я]", words), words
    page.click("text=Русский")
    see(page, "9 из 10 решений", ".goal")
    assert page.locator("html").get_attribute("lang") == "ru"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_on_a_phone(board: Board, tmp_path: Path, scheme: str) -> None:
    with browser_context(tmp_path / "phone", viewport=PHONE, locale="ru-RU", color_scheme=scheme) as context:
        page = context.new_page()
        log_in(page, board)
        base = board.campaign_page()
        call = _first_call(page, base)
        paths = ("", "/orders", "/orders?state=decided", "/analytics")
        for address in (f"{board.url}/board", *(base + path for path in paths), f"{board.url}{call}"):
            page.goto(address)
            page.wait_for_selector("h1")
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE["width"], f"{address} is {width} px wide"


def _first_call(page: Page, base: str) -> str:
    page.goto(base)
    return page.locator("[data-region=recent] a").first.get_attribute("href") or ""


def test_the_board_says_when_its_figures_are_old_and_comes_back_by_itself(board: Board, desktop: Watched) -> None:
    page = desktop.page
    log_in(page, board)
    page.goto(board.campaign_page())
    see(page, "Обновляется", "#status")

    page.context.set_offline(True)

    see(page, "Нет связи", "#status")
    page.evaluate("window.isTheSamePage = true")

    page.context.set_offline(False)

    see(page, "Обновляется", "#status")
    assert page.evaluate("window.isTheSamePage") is True


def test_the_api_can_be_tried_from_its_page(board: Board, desktop: Watched) -> None:
    page = desktop.page
    page.goto(f"{board.url}/docs")

    page.wait_for_selector("[data-path='/api/v1/campaigns/{name}/batches']", timeout=30_000)

    assert desktop.complaints == []
