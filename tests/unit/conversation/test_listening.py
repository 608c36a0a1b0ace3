"""The bot's ear: when words are asked for, when a turn is answered, and what is thrown away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from dialer.conversation import turns
from dialer.conversation.hearing import Hearing
from dialer.conversation.listening import Listener, Ticker, Utterance, Voice
from dialer.errors import ProviderError
from dialer.speech.ports import Hypothesis, duration_s
from tests.support.ears import LoudnessGate, LoudnessJudge, quiet, tone
from tests.support.fake_world import spoken
from tests.support.virtual_time import run_virtually


class Recognizer:
    """Hears one scripted text after the other; notes what it was asked."""

    name = "scripted"

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked: list[float] = []
        self.hints: list[str] = []
        self.cancelled = 0
        self.delay_s = 0.1
        self.down = False

    async def transcribe(self, pcm: bytes, *, hint: str = "") -> AsyncIterator[Hypothesis]:
        self.asked.append(duration_s(pcm))
        self.hints.append(hint)
        text = self.texts[min(len(self.asked), len(self.texts)) - 1]
        try:
            await asyncio.sleep(self.delay_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.down:
            raise ProviderError("scripted", "down")
        yield Hypothesis(text[:3], final=False)
        yield Hypothesis(text, final=True)


class Room:
    """A listener, who speaks to it, and what it told when (seconds)."""

    def __init__(self, recognizer: Recognizer, complete: Callable[[str], bool], endless_s: float = 7.0) -> None:
        loop = asyncio.get_running_loop()
        self.recognizer, self.now = recognizer, loop.time
        self.told: list[tuple[float, Voice | Utterance]] = []
        self.listener = Listener(recognizer, Ticker(), self._tell, loop.time, endless_s)
        self.listener.is_complete = complete
        self.listener.wait_for_more(900)
        self.listener.start()

    def _tell(self, what: Voice | Utterance) -> None:
        self.told.append((self.now(), what))

    async def hear(self, *sounds: bytes) -> None:
        for at in range(0, len(sound := b"".join(sounds)), 320):
            await asyncio.sleep(0.02)
            self.listener.feed(sound[at : at + 320])

    @property
    def utterances(self) -> list[tuple[float, Utterance]]:
        return [(at, what) for at, what in self.told if isinstance(what, Utterance)]

    def voices(self) -> list[Voice]:
        return [what for _, what in self.told if isinstance(what, Voice) and what is not Voice.HINTED]


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def wrapped() -> None:
        await story()

    run_virtually(wrapped())


#: One breath: no pause within, whatever the voice.
YES = "подтверждаю"


@pytest.mark.parametrize(("complete", "pause_s"), [(True, 0.3), (False, 0.9)])
def test_complete_words_are_answered_sooner(complete: bool, pause_s: float) -> None:
    async def story() -> None:
        room = Room(Recognizer("да"), lambda _text: complete)
        await room.hear(quiet(0.5), spoken(YES), quiet(1.5))

        ((told, utterance),) = room.utterances
        assert told - utterance.ended_s == pytest.approx(pause_s, abs=0.05)
        assert await room.listener.text_of(utterance) == "да"
        assert utterance.latency_ms["stt_after_turn"] >= 0
        assert len(room.recognizer.asked) == 1
        room.listener.close()

    run(story)


@pytest.mark.parametrize("breath_s", [0.2, 0.26])
def test_who_goes_on_at_the_last_moment_is_not_cut_off_by_complete_words(
    breath_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "Hearing", lambda: Hearing(gate=LoudnessGate(), judge=LoudnessJudge()))

    async def story() -> None:
        room = Room(Recognizer("да", "да но в пятницу"), lambda _text: True)
        await room.hear(quiet(0.5), tone(0.3), quiet(breath_s), tone(0.6), quiet(1.5))

        ((_, utterance),) = room.utterances
        assert await room.listener.text_of(utterance) == "да но в пятницу"
        room.listener.close()

    run(story)


def test_a_slow_recogniser_is_answered_as_soon_as_its_words_are_complete() -> None:
    async def story() -> None:
        recognizer = Recognizer("да")
        recognizer.delay_s = 0.5
        room = Room(recognizer, lambda _text: True)
        await room.hear(quiet(0.5), spoken(YES), quiet(1.5))

        ((told, utterance),) = room.utterances
        assert told - utterance.ended_s == pytest.approx(0.65, abs=0.06)  # 0.13 s to notice the pause, 0.5 s to hear
        room.listener.close()

    run(story)


def test_who_goes_on_is_heard_anew_and_in_one_piece() -> None:
    async def story() -> None:
        room = Room(Recognizer("нет", "нет хочу изменить адрес"), lambda text: len(text.split()) > 1)
        room.listener.hint = "Подтверждаете?"
        await room.hear(quiet(0.5), spoken("Нет"), quiet(0.5), spoken("хочу изменить адрес"), quiet(1.5))

        ((_, utterance),) = room.utterances
        assert await room.listener.text_of(utterance) == "нет хочу изменить адрес"
        assert room.recognizer.asked[1] > room.recognizer.asked[0] + 1.0
        assert room.recognizer.hints == ["Подтверждаете?"] * 2
        room.listener.close()

    run(story)


def test_words_that_are_not_wanted_any_more_are_cancelled() -> None:
    async def story() -> None:
        recognizer = Recognizer("нет", "нет хочу изменить адрес")
        recognizer.delay_s = 0.6
        room = Room(recognizer, lambda _text: False)
        await room.hear(quiet(0.5), spoken("Нет"), quiet(0.4), spoken("хочу изменить адрес"), quiet(2.0))

        assert recognizer.cancelled == 1
        assert len(room.utterances) == 1
        room.listener.close()

    run(story)


def test_a_failure_is_told_to_whoever_asks_for_the_words() -> None:
    async def story() -> None:
        recognizer = Recognizer("да")
        recognizer.down = True
        room = Room(recognizer, lambda _text: True)
        await room.hear(quiet(0.5), spoken(YES), quiet(1.5))

        ((_, utterance),) = room.utterances
        with pytest.raises(ProviderError):
            await room.listener.text_of(utterance)
        room.listener.close()

    run(story)


def test_endless_speech_is_told_once_and_pauses_start_the_count_anew() -> None:
    async def story() -> None:
        long = spoken("Вы позвонили туда где никого нет и никто не ответит вам никогда и ни за что на свете")
        room = Room(Recognizer(""), lambda _text: False, endless_s=3.0)
        await room.hear(quiet(0.3), spoken(YES), quiet(0.4), spoken(YES), quiet(0.4), spoken(YES), quiet(1.5))
        assert Voice.ENDLESS not in room.voices()

        await room.hear(long, quiet(1.5))

        assert room.voices().count(Voice.ENDLESS) == 1
        assert room.listener.spoken_s > 5
        room.listener.close()

    run(story)


def test_a_tick_that_fails_is_left_out_and_all_others_go_on() -> None:
    async def story() -> None:
        ticker, times = Ticker(), [0, 0]

        def failing() -> None:
            times[0] += 1
            raise ValueError("broken")

        def going_on() -> None:
            times[1] += 1

        ticker.add(failing)
        ticker.add(going_on)
        await asyncio.sleep(0.5)
        ticker.remove(going_on)

        assert times[0] == 1
        assert times[1] in range(23, 27)

    run(story)


def test_a_closed_listener_asks_for_nothing_more() -> None:
    async def story() -> None:
        recognizer = Recognizer("да")
        recognizer.delay_s = 5.0
        room = Room(recognizer, lambda _text: True)
        await room.hear(quiet(0.5), spoken(YES), quiet(0.4))
        room.listener.close()
        await asyncio.sleep(10)

        assert recognizer.cancelled == 1
        assert room.utterances == []

    run(story)
