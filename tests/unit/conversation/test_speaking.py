"""The bot's mouth: sentences, and what the customer has really heard of them."""

import asyncio

import pytest

from dialer.conversation.recording import BotTrack
from dialer.conversation.speaking import Speaker, sentences
from dialer.errors import DialerError, ProviderError
from tests.support.fake_line import FakeLine
from tests.support.fake_world import FakeVoice
from tests.support.virtual_time import run_virtually


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Отлично! Заказ подтверждён. Хорошего дня!", ["Отлично!", "Заказ подтверждён.", "Хорошего дня!"]),
        ("Доставка на ул. Ленина, д. 5. Верно?", ["Доставка на ул. Ленина, д. 5.", "Верно?"]),
        ("Едем в г. Тверь, наб. Волги. Ждите.", ["Едем в г. Тверь, наб. Волги.", "Ждите."]),
        ("Здравствуйте, А. С. Пушкин! Это магазин.", ["Здравствуйте, А. С. Пушкин!", "Это магазин."]),
        ("Проверяю... Новый адрес: Мира, 7. Верно?", ["Проверяю...", "Новый адрес: Мира, 7.", "Верно?"]),
        ("Это магазин «Дом. Сад». Заказ готов.", ["Это магазин «Дом.", "Сад».", "Заказ готов."]),
        ("Назовите новый адрес доставки", ["Назовите новый адрес доставки"]),
        ("Сумма 3 200 руб. Подтверждаете?", ["Сумма 3 200 руб. Подтверждаете?"]),
        ("", []),
    ],
)
def test_sentences_end_where_they_end(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


class Mouth:
    """A speaker on a fake line."""

    def __init__(self) -> None:
        self.line, self.voice, self.track = FakeLine(), FakeVoice(), BotTrack()
        self.failures: list[DialerError] = []
        self.speaker = Speaker(self.line, self.voice, self.track, lambda: self.line.now, self.failures.append)
        self.line.handlers.on_mark = self.speaker.on_mark

    async def close(self) -> None:
        await self.speaker.close()
        await self.line.close()


def test_what_was_heard_is_told_by_marks() -> None:
    async def story() -> None:
        mouth = Mouth()
        mouth.speaker.say("Здравствуйте! Это магазин. Подтверждаете заказ?")
        await asyncio.sleep(1.5)

        assert mouth.speaker.heard_text == "Здравствуйте!"
        assert not mouth.speaker.question_begun
        await mouth.speaker.wait_over()
        assert mouth.speaker.heard_text == "Здравствуйте! Это магазин. Подтверждаете заказ?"
        assert mouth.speaker.question_begun
        assert mouth.speaker.left_s() == 0
        await mouth.close()

    run_virtually(story())


def test_a_slow_voice_is_heard_from_its_first_piece_on() -> None:
    async def story() -> None:
        mouth = Mouth()
        mouth.voice.delay_s = 0.8
        begun: list[float] = []
        mouth.speaker.say("Это довольно длинная фраза, которая звучит несколько секунд подряд", begun.append)
        await mouth.speaker.wait_over()

        assert begun == [pytest.approx(0.8, abs=0.05)]
        assert mouth.line.heard[0][0] == pytest.approx(0.8, abs=0.15)
        await mouth.close()

    run_virtually(story())


def test_a_resumed_sentence_goes_on_and_a_repeated_one_begins_anew() -> None:
    async def story() -> None:
        mouth = Mouth()
        mouth.speaker.say("Здравствуйте! Это интернет-магазин и у нас для вас новости.")
        await asyncio.sleep(1.8)
        await mouth.speaker.pause()
        left = mouth.speaker.left_s()
        await asyncio.sleep(5)
        assert mouth.speaker.left_s() == left
        await mouth.speaker.resume()
        await asyncio.sleep(0.2)
        assert mouth.speaker.left_s() == pytest.approx(left - 0.2, abs=0.05)
        await mouth.speaker.repeat_sentence()
        await asyncio.sleep(0.1)

        assert mouth.speaker.left_s() > left
        assert mouth.line.names() == ["pause", "resume", "flush"]
        await mouth.speaker.wait_over()
        await mouth.close()

    run_virtually(story())


def test_a_few_words_fill_a_silence_and_nothing_else() -> None:
    async def story() -> None:
        mouth = Mouth()
        assert await mouth.speaker.fill("Одну секунду.")
        assert not await mouth.speaker.fill("Ещё секунду.")  # the first can still be heard
        mouth.speaker.say("Отлично!")
        await mouth.speaker.wait_over()

        assert len(mouth.line.heard) in (1, 2)
        assert mouth.speaker.heard_text == "Отлично!"
        await mouth.close()

    run_virtually(story())


def test_a_mark_that_never_comes_is_replaced_by_the_clock() -> None:
    async def story() -> None:
        mouth = Mouth()
        mouth.line.handlers.on_mark = lambda _name: None
        mouth.speaker.say("Отлично!")
        await asyncio.wait_for(mouth.speaker.wait_over(), 10)
        await mouth.close()

    run_virtually(story())


def test_a_voice_that_fails_is_told() -> None:
    async def story() -> None:
        mouth = Mouth()
        mouth.voice.down = True
        mouth.speaker.say("Отлично!")
        await asyncio.sleep(0.1)

        assert [type(failure) for failure in mouth.failures] == [ProviderError]
        await mouth.close()

    run_virtually(story())
