"""Ten thousand damaged files: nothing but InputError is raised, no unsafe phone passes, untouched rows survive."""

from __future__ import annotations

import io
import random
import re

import pytest

from dialer.domain.order import Order
from dialer.errors import InputError
from dialer.intake import OrdersFile
from tests.unit.intake.support import file_of, good_line, orders_of

MUTATIONS = 10_000
SHARDS = 4
ROWS = 8
PRISTINE = dict(enumerate(orders_of(file_of(*(good_line(number) for number in range(1, ROWS + 1)))), 1))
SAFE_PHONE = re.compile(r"\+7[0-9]{10}")
HOSTILE_PHONES = (
    b"79161234567@x&PJSIP/900",
    b"79161234567&SIP/1",
    b"+7916123456" + "７".encode(),
    b"8916123\x004567",
    b"=cmd|'/c calc'!A1",
    b"89161234567,,900",
    b"112",
    b"88005553535",
)
NOISE = (
    b'"',
    b'""',
    b";",
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\t",
    b"'",
    "я".encode("cp1251"),
)


class Damage:
    """One seeded mutation of one line; `touched` are the rows that may be lost by it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.encoding = self._random.choice(["utf-8", "utf-8-sig", "cp1251"])
        whole = file_of(*(good_line(number) for number in range(1, ROWS + 1)), encoding=self.encoding)
        self._lines = whole.splitlines(keepends=True)
        self.touched: set[int] = set()

    def apply(self) -> bytes:
        kinds = [self._flip, self._insert, self._delete, self._truncate, self._phone, self._garble, self._open_quote]
        mutate = self._random.choice(kinds)
        for _ in range(self._random.choice([1, 1, 1, 2])):
            mutate()
        return b"".join(self._lines)

    @property
    def survivors(self) -> set[int]:
        """Rows that must be there unchanged: untouched, and behind a line that kept its end. A damaged header may
        cost the whole file."""
        if 0 in self.touched:
            return set()
        glued = {row + 1 for row in self.touched if not self._lines[row].endswith(b"\n")}
        return set(range(1, ROWS + 1)) - self.touched - glued

    def _pick(self) -> int:
        index = self._random.randrange(len(self._lines))
        self.touched.add(index)
        return index

    def _flip(self) -> None:
        index = self._pick()
        line = bytearray(self._lines[index])
        if line:
            line[self._random.randrange(len(line))] ^= 1 << self._random.randrange(8)
        self._lines[index] = bytes(line)

    def _insert(self) -> None:
        index = self._pick()
        line = self._lines[index]
        at = self._random.randrange(max(1, len(line) - 2))
        self._lines[index] = line[:at] + self._random.choice(NOISE) * self._random.choice([1, 1, 3]) + line[at:]

    def _open_quote(self) -> None:
        """A quote where a cell begins: the worst place, since a quoted cell may span lines."""
        index = self._pick()
        cells = self._lines[index].split(b";")
        cell = self._random.randrange(len(cells))
        cells[cell] = b'"' + cells[cell]
        self._lines[index] = b";".join(cells)

    def _delete(self) -> None:
        index = self._pick()
        line = self._lines[index]
        start = self._random.randrange(max(1, len(line)))
        self._lines[index] = line[:start] + line[start + self._random.randrange(1, 30) :]

    def _truncate(self) -> None:
        index = self._pick()
        self.touched.update(range(index, len(self._lines)))
        line = self._lines[index]
        self._lines[index:] = [line[: self._random.randrange(len(line) + 1)]] + [b""] * (len(self._lines) - index - 1)

    def _phone(self) -> None:
        index = self._pick()
        cells = self._lines[index].split(b";")
        if len(cells) > 1:
            cells[1] = self._random.choice(HOSTILE_PHONES)
        self._lines[index] = b";".join(cells)

    def _garble(self) -> None:
        index = self._pick()
        noise = bytes(self._random.randrange(256) for _ in range(self._random.randrange(40)))
        self._lines[index] = noise.replace(b"\n", b"") + b"\r\n"


@pytest.mark.parametrize("shard", range(SHARDS))
def test_damaged_files(shard: int) -> None:
    read = 0
    for seed in range(shard, MUTATIONS, SHARDS):
        damage = Damage(seed)
        data = damage.apply()
        try:
            rows = list(OrdersFile(io.BytesIO(data)))
        except InputError:
            assert 0 in damage.touched, f"seed {seed}: refused although its header is untouched"
            continue
        read += 1
        orders = [row for row in rows if isinstance(row, Order)]
        assert all(SAFE_PHONE.fullmatch(order.phone) for order in orders), f"seed {seed}"
        for row in damage.survivors:
            assert PRISTINE[row] in orders, f"seed {seed}: row {row} is lost"

    assert read > MUTATIONS / SHARDS * 0.7


@pytest.mark.parametrize("seed", range(200))
def test_random_bytes_are_refused_in_words(seed: int) -> None:
    noise = random.Random(seed).randbytes(random.Random(seed).randrange(1, 3000))

    with pytest.raises(InputError):
        list(OrdersFile(io.BytesIO(noise)))
