"""The world: stratified, deterministic, and a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dialer.errors import InputError
from dialer.simulator.personas import PERSONAS
from dialer.simulator.world import Crowd, World, phrase_bank, voices


def phones(count: int) -> list[str]:
    return [f"+7916{number:07d}" for number in range(count)]


def personas(world: World) -> Counter[str]:
    return Counter(resident.persona for resident in world.residents.values())


def test_forty_orders_meet_every_persona() -> None:
    assert personas(World.assign(phones(40))).keys() == PERSONAS.keys()


def test_shares_follow_the_weights() -> None:
    met = personas(World.assign(phones(1000), weights={"confirms": 3, "cancels": 1}))
    assert met == {"confirms": 750, "cancels": 250}


def test_a_weight_of_zero_keeps_a_persona_away() -> None:
    assert personas(World.assign(phones(50), weights={"confirms": 1, "silent": 0})) == {"confirms": 50}


@pytest.mark.parametrize("count", [0, 1, 7, 39, 41, 333])
def test_everybody_gets_exactly_one_persona(count: int) -> None:
    assert World.assign(phones(count)).residents.keys() == set(phones(count))


def test_the_same_seed_makes_the_same_world() -> None:
    assert World.assign(phones(60), seed=5).residents == World.assign(phones(60), seed=5).residents
    assert World.assign(phones(60), seed=5).residents != World.assign(phones(60), seed=6).residents


def test_the_first_of_each_persona_speaks_word_for_word() -> None:
    world = World.assign(phones(100))
    seeds: dict[str, list[int]] = {}
    for resident in world.residents.values():
        seeds.setdefault(resident.persona, []).append(resident.seed)
    assert all(first == 0 and 0 not in rest for first, *rest in seeds.values())


def test_a_phone_that_appears_twice_has_one_owner() -> None:
    assert len(World.assign(["+79161234567", "+79161234567"]).residents) == 1


def test_an_unknown_persona_is_refused() -> None:
    with pytest.raises(InputError, match="martian"):
        World.assign(phones(3), weights={"martian": 1})


def test_a_world_survives_its_file(tmp_path: Path) -> None:
    world = World.assign(phones(45))
    world.save(tmp_path / "world.json")
    assert World.load(tmp_path / "world.json").residents == world.residents


@pytest.mark.parametrize("text", ["no json", "[]", '{"+7916": {"persona": "confirms"}}'])
def test_a_broken_world_file_is_explained(tmp_path: Path, text: str) -> None:
    path = tmp_path / "world.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"world\.json"):
        World.load(path)


def test_the_phrase_bank_holds_every_line_once_and_addresses_filled_in() -> None:
    world = World.assign(phones(80))
    bank = phrase_bank(world)
    assert len(bank) == len(set(bank))
    assert {"Да, подтверждаю", "Нет, хочу изменить адрес", "Да"} <= set(bank)
    assert "улица Ленина дом пять квартира сорок два" in bank
    assert not [line for line in bank if "{" in line]
    assert "Отмените заказ, пожалуйста" not in phrase_bank(World.assign(phones(5), weights={"confirms": 1}))


def test_the_worlds_voices_are_named() -> None:
    assert len(voices(World.assign(phones(80)))) > 3


def test_a_crowd_lives_behind_every_number_and_is_the_same_for_the_same_seed() -> None:
    numbers = phones(2000)
    crowd = [Crowd(1).resident(phone) for phone in numbers]
    people = Counter(resident.persona for resident in crowd)
    assert crowd == [Crowd(1).resident(phone) for phone in numbers]
    assert crowd != [Crowd(2).resident(phone) for phone in numbers]
    assert people.keys() == PERSONAS.keys()
    assert people.most_common(1)[0][0] == "confirms"


def test_the_bank_of_a_crowd_holds_whatever_any_of_them_may_say() -> None:
    everybody = World.assign(phones(80))
    assert set(phrase_bank(everybody)) <= set(phrase_bank(Crowd(1)))
