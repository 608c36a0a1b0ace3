"""Personas: given the bot's turns as sound, they answer in order; nothing else reaches them."""

from __future__ import annotations

import asyncio

import pytest

from dialer.simulator.ear import Ear
from dialer.simulator.lines import ADDRESSES, ASKS_AGAIN, CANCELS, CHANGES_DATE
from dialer.simulator.pbx.callees import tone
from dialer.simulator.personas import LONGEST_CALL_S, PERSONAS
from dialer.simulator.voices import TIMBRES, say_offline
from dialer.simulator.world import Resident, World, WorldCallees
from dialer.speech.ports import FRAME_BYTES, duration_s
from tests.support.virtual_time import run_virtually
from tests.unit.simulator.fake_phone import converse, say_marked

PHONE = "+79161234567"


def callees(persona: str, *, seed: int = 0, failures: int = 0) -> WorldCallees:
    resident = Resident(persona, "andrey", ADDRESSES[0], failures, seed)
    return WorldCallees(World({PHONE: resident}), say_marked)


def story(persona: str, bot_turns_s: list[float], *, seed: int = 0) -> list[str]:
    return run_virtually(converse(callees(persona, seed=seed)(PHONE[1:]), bot_turns_s))


def test_the_briefs_first_conversation_is_played_word_for_word() -> None:
    assert story("confirms", [8.0]) == ["ringing", "answer", "Да, подтверждаю", "bot hangs up"]


def test_the_briefs_second_conversation_is_played_word_for_word() -> None:
    assert story("changes_address", [8.0, 2.0, 6.0]) == [
        "ringing",
        "answer",
        "Нет, хочу изменить адрес",
        "улица Ленина дом пять квартира сорок два",
        "Да",
        "bot hangs up",
    ]


def test_a_pause_inside_the_bots_turn_is_not_taken_for_its_end() -> None:
    async def hear_a_pause() -> float:
        ear = Ear()
        listening = asyncio.ensure_future(ear.end_of_turn(0.7))
        for sound, pause in ((1.0, 0.5), (1.0, 5.0)):
            for _ in range(int(sound / 0.02)):
                ear.hear(tone(0.02))
                await asyncio.sleep(0.02)
            await asyncio.wait([listening], timeout=pause)
        return asyncio.get_running_loop().time()

    assert run_virtually(hear_a_pause()) == pytest.approx(2.5 + 0.68, abs=0.03)


def test_silence_on_the_line_is_not_speech() -> None:
    async def hear_silence() -> float:
        ear = Ear()
        for _ in range(100):
            ear.hear(bytes(FRAME_BYTES))
        return ear.speech_s

    assert run_virtually(hear_silence()) == 0.0


@pytest.mark.parametrize(
    ("persona", "turns"), [("cancels", CANCELS), ("changes_date", CHANGES_DATE), ("asks_again", ASKS_AGAIN)]
)
def test_other_seeds_choose_among_the_phrasings(persona: str, turns: tuple[tuple[str, ...], ...]) -> None:
    stories = [story(persona, [3.0] * len(turns), seed=seed) for seed in range(1, 9)]
    for told in stories:
        assert all(line in phrasings for line, phrasings in zip(told[2:-1], turns, strict=True))
    assert len({told[2] for told in stories}) > 1
    assert story(persona, [3.0] * len(turns), seed=3) == stories[2]


def test_mumblers_press_one_when_keys_are_offered() -> None:
    assert story("mumbles", [6.0, 2.0, 4.0]) == ["ringing", "answer", "sound", "sound", "key 1", "bot hangs up"]


def test_the_silent_say_nothing_for_as_long_as_the_bot_asks() -> None:
    assert story("silent", [6.0, 3.0, 3.0]) == ["ringing", "answer", "bot hangs up"]


def test_early_leavers_end_the_call_in_the_greeting() -> None:
    told = run_virtually(converse(callees("hangs_up_early", failures=1)(PHONE[1:]), [8.0]))
    assert told == ["ringing", "answer", "ended itself"]


def test_a_machine_talks_without_listening_and_beeps() -> None:
    told = run_virtually(converse(callees("voicemail", failures=1)(PHONE[1:]), [1.0]))
    assert told[2].startswith("Здравствуйте, вы позвонили на автоответчик")
    assert told[3] == "sound"


def test_a_backchannel_comes_inside_the_greeting_and_the_answer_after_it() -> None:
    assert story("backchannel", [8.0, 1.0])[2:4] == ["Угу", "Да, подтверждаю"]


def test_those_who_barge_in_speak_before_the_greeting_ends() -> None:
    assert story("barges_in", [8.0])[2] == "Да, подтверждаю"


@pytest.mark.parametrize(
    ("persona", "refusal"), [("busy", "reject 17"), ("rejects", "reject 21"), ("congested", "reject 34")]
)
def test_the_unreachable_are_reached_after_their_failures(persona: str, refusal: str) -> None:
    numbers = callees(persona, failures=2)
    stories = [run_virtually(converse(numbers(PHONE[1:]), [5.0])) for _ in range(3)]
    assert [refusal in told for told in stories] == [True, True, False]
    assert "Да, подтверждаю" in stories[2]


def test_no_answer_rings_and_a_wrong_number_does_not_exist() -> None:
    told = run_virtually(converse(callees("no_answer", failures=1)(PHONE[1:]), []))
    assert told[:2] == ["ringing", "ended itself"]
    assert story("wrong_number", [])[0] == "reject 1"
    assert run_virtually(converse(callees("confirms")("79990000000"), []))[0] == "reject 1"


def test_nobody_stays_on_the_line_for_ever() -> None:
    async def length() -> float:
        await converse(callees("silent")(PHONE[1:]), [1.0] * 20)
        return asyncio.get_running_loop().time()

    assert run_virtually(length()) < LONGEST_CALL_S + 15


@pytest.mark.parametrize("name", sorted(PERSONAS))
@pytest.mark.parametrize("seed", [0, 7])
def test_every_persona_ends_its_calls(name: str, seed: int) -> None:
    numbers = callees(name, seed=seed, failures=1)
    for _ in range(2):
        told = run_virtually(converse(numbers(PHONE[1:]), [5.0, 2.0, 2.0, 2.0]))
        assert told[-1] in {"ended itself", "bot hangs up"}


async def test_voices_differ_and_speak() -> None:
    spoken = [await say_offline("Да, подтверждаю", voice) for voice in TIMBRES]
    assert len(set(spoken)) == len(TIMBRES)
    assert all(0.5 < duration_s(pcm) < 3 for pcm in spoken)
