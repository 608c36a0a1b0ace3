"""The simulated world: who lives behind which phone number."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from random import Random
from uuid import uuid4

import structlog

from dialer.errors import InputError
from dialer.simulator.customer import Customer
from dialer.simulator.diary import Diary
from dialer.simulator.lines import ADDRESSES
from dialer.simulator.pbx.callees import contract_callees
from dialer.simulator.pbx.phone import Callee, Phone
from dialer.simulator.personas import LONGEST_CALL_S, PERSONAS
from dialer.simulator.voices import TIMBRES, Say, say_offline

log = structlog.get_logger()

#: From this many phone numbers on, every persona lives somewhere.
EVERYBODY_FROM = 40


@dataclass(frozen=True, slots=True)
class Resident:
    """One phone number's owner. `address` is what it dictates when it wants another one, in spoken words.

    The persona's first act (busy, no answer, ...) is played for `failures_before_answer` attempts.
    """

    persona: str
    voice: str
    address: str
    failures_before_answer: int
    seed: int


class World:
    """Phone numbers (E.164, with the plus sign) and their owners. A JSON object of residents by phone in a file."""

    def __init__(self, residents: Mapping[str, Resident]) -> None:
        self.residents = dict(residents)

    @classmethod
    def assign(cls, phones: Sequence[str], *, seed: int = 1, weights: Mapping[str, float] | None = None) -> World:
        """Spread personas over `phones` by weight, the same way for the same seed.

        Shares are kept as exactly as whole numbers allow; from 40 phones on every weighted persona occurs. The
        first of each persona (seed 0) speaks the first phrasing of its lines, word for word. Raises InputError
        for an unknown persona.
        """
        chosen = dict(weights) if weights is not None else {name: persona.weight for name, persona in PERSONAS.items()}
        for name in chosen:
            if name not in PERSONAS:
                raise InputError("weights", f"there is no persona {name!r}")
        rng = Random(seed)
        distinct = list(dict.fromkeys(phones))
        names = _quota(chosen, len(distinct))
        rng.shuffle(names)
        met: set[str] = set()
        residents: dict[str, Resident] = {}
        for phone, name in zip(distinct, names, strict=True):
            residents[phone] = _resident(name, rng, first=name not in met)
            met.add(name)
        return cls(residents)

    def resident(self, phone: str) -> Resident | None:
        """Who answers at `phone`; None: nobody lives there."""
        return self.residents.get(phone)

    def speakers(self) -> Iterable[tuple[str, str]]:
        """(persona, dictated address) of everybody in this world."""
        return {(resident.persona, resident.address) for resident in self.residents.values()}

    @classmethod
    def load(cls, path: Path) -> World:
        """Read a world file. Raises InputError when it is not one."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            residents = {phone: Resident(**fields) for phone, fields in data.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise InputError("world", f"{path} is not a world file: {error}") from error
        unknown = {resident.persona for resident in residents.values()} - PERSONAS.keys()
        if unknown:
            raise InputError("world", f"{path} names unknown personas: {', '.join(sorted(unknown))}")
        return cls(residents)

    def save(self, path: Path) -> None:
        """Write the world file."""
        data = {phone: asdict(resident) for phone, resident in self.residents.items()}
        path.write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")


def phrase_bank(world: World) -> list[str]:
    """Every line that anybody in this world may say, each once, in a stable order."""
    said: set[str] = set()
    for persona, address in world.speakers():
        for phrasings in PERSONAS[persona].turns:
            said.update(line.format(address=address) for line in phrasings)
    return sorted(said)


def save_phrase_bank(world: World, path: Path) -> None:
    """Write the lines that may be heard in `world`, for the phrase-bank recogniser."""
    path.write_text(json.dumps({"phrases": phrase_bank(world)}, ensure_ascii=False, indent=1), "utf-8")


def voices(world: World) -> list[str]:
    """Names of the voices (see TIMBRES) that are heard in this world."""
    return sorted({resident.voice for resident in world.residents.values()})


class Crowd(World):
    """A world without bounds: somebody lives behind every number, the same person for the same number and seed."""

    def __init__(self, seed: int) -> None:
        super().__init__({})
        self._seed = seed

    def resident(self, phone: str) -> Resident:
        """Personas come by their weights."""
        rng = Random(f"{self._seed} {phone}")
        (name,) = rng.choices(list(PERSONAS), [persona.weight for persona in PERSONAS.values()])
        return _resident(name, rng, first=False)

    def speakers(self) -> Iterable[tuple[str, str]]:
        """Anybody may live here."""
        return product(PERSONAS, ADDRESSES)


class WorldCallees:
    """Answers each number as its resident would, counting the attempts. Use as `SimulatedPbx(WorldCallees(world))`."""

    def __init__(self, world: World, say: Say = say_offline, diary: Diary | None = None) -> None:
        self._world = world
        self._attempts: Counter[str] = Counter()
        self._say = say
        self._diary = diary

    def __call__(self, number: str) -> Callee:
        """The callee of one dial of `number`; outside the world live the contract's callees and nobody else."""
        resident = self._world.resident(f"+{number}")
        if resident is None:
            return contract_callees(number)
        self._attempts[number] += 1
        return _callee(resident, self._attempts[number], self._say, self._diary)


def _callee(resident: Resident, attempt: int, say: Say, diary: Diary | None) -> Callee:
    persona = PERSONAS[resident.persona]
    first = persona.at_first if attempt <= resident.failures_before_answer else None
    act = first or persona.act

    async def callee(phone: Phone) -> None:
        customer = Customer(
            phone, say, voice=resident.voice, seed=resident.seed, address=resident.address, attempt=attempt
        )
        call = uuid4().hex
        if diary is not None:
            diary.write("ring", call=call, number=phone.number, attempt=attempt, persona=resident.persona)
        try:
            async with asyncio.timeout(LONGEST_CALL_S):
                await act(customer)
        except TimeoutError:
            log.info("simulated_customer_had_enough", persona=resident.persona)
        finally:
            if diary is not None:
                _remember(diary, call, resident, customer)

    return callee


def _remember(diary: Diary, call: str, resident: Resident, customer: Customer) -> None:
    diary.write(
        "end",
        call=call,
        number=customer.phone.number,
        persona=resident.persona,
        answered=customer.answered,
        said=customer.said,
        heard_after_s=round(customer.heard_after_s, 2),
    )


def _resident(persona: str, rng: Random, *, first: bool) -> Resident:
    return Resident(
        persona=persona,
        voice=rng.choice(list(TIMBRES)),
        address=ADDRESSES[0] if first else rng.choice(ADDRESSES),
        failures_before_answer=rng.choice(PERSONAS[persona].failures),
        seed=0 if first else rng.randrange(1, 1_000_000),
    )


def _quota(weights: Mapping[str, float], count: int) -> list[str]:
    """`count` persona names in the weights' proportions (largest remainders)."""
    total = sum(weights.values())
    exact = {name: weight * count / total for name, weight in weights.items()}
    quota = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: quota[name] - exact[name])
    for name in by_remainder[: count - sum(quota.values())]:
        quota[name] += 1
    if count >= EVERYBODY_FROM:
        for name in [name for name, number in quota.items() if number == 0 and weights[name] > 0]:
            quota[max(quota, key=lambda rich: quota[rich])] -= 1
            quota[name] = 1
    return [name for name, number in quota.items() for _ in range(number)]
