"""Bytes to numbered physical lines of text, whatever the encoding, with bounded memory.

Encodings: UTF-8 with or without BOM, Windows-1251, UTF-16 with BOM (Excel's "Unicode text"). The head of the file
decides; each line is still decoded by itself, so that a late line in the other encoding stays readable.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from dialer.errors import InputError
from dialer.intake.cells import REPLACEMENT

CHUNK_BYTES: Final = 1 << 16
#: A physical line longer than this is not data; it is skipped without being held in memory.
MAX_LINE_BYTES: Final = 1 << 16
_KEPT_OF_LONG_LINE: Final = 200
_UTF16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
#: First bytes of files that people take for CSV.
_NOT_TEXT: Final = {
    b"PK\x03\x04": "это книга Excel (.xlsx): сохраните её как CSV",
    b"\xd0\xcf\x11\xe0": "это книга Excel (.xls): сохраните её как CSV",
    b"\x1f\x8b": "это архив gzip: распакуйте его",
    b"%PDF": "это PDF, а не CSV",
}


class Line(NamedTuple):
    """One physical line without its line break; `number` counts from 1. A line that is too long is cut."""

    number: int
    text: str
    too_long: bool = False


def open_lines(stream: BinaryIO) -> tuple[str, Iterator[Line]]:
    """The encoding's name and the lines of a binary stream.

    Raises InputError for an empty stream and for files that are not text; reading errors come as InputError too.
    """
    head = _read_full(stream, CHUNK_BYTES)
    if not head.strip():
        raise InputError("file", "файл пуст")
    for magic, reason in _NOT_TEXT.items():
        if head.startswith(magic):
            raise InputError("file", reason)
    encoding = detect_encoding(head)
    chunks = _without_bom(_chunks(head, stream), encoding)
    return encoding, _decoded(_split(chunks), encoding)


def detect_encoding(head: bytes) -> str:
    """`utf-8`, `utf-8-sig`, `cp1251`, `utf-16-le` or `utf-16-be`, from the first bytes of a file.

    Without a BOM the lines vote: text in Windows-1251 is practically never valid UTF-8, so one damaged line cannot
    turn a whole UTF-8 file into gibberish.
    """
    if head[:2] in _UTF16:
        return _UTF16[head[:2]]
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    lines = head.splitlines() if head.isascii() else [line for line in head.splitlines() if not line.isascii()]
    if len(lines) > 1:
        lines.pop()  # it may be cut in the middle of a character
    balance = sum(1 if _utf8_share(line) >= 0.5 else -1 for line in lines)
    return "utf-8" if balance > 0 or head.isascii() else "cp1251"


def _utf8_share(line: bytes) -> float:
    """Which share of a line's non-ASCII bytes belongs to valid UTF-8 sequences."""
    text = line.decode("utf-8", "replace")
    high_bytes = sum(byte > 127 for byte in line)
    valid = sum(len(char.encode()) for char in text if ord(char) > 127 and char != REPLACEMENT)
    return valid / high_bytes if high_bytes else 1.0


def decode_line(raw: bytes, encoding: str) -> str:
    """One line as text. A line in the file's other 8-bit encoding is recognised; lost bytes become U+FFFD."""
    if raw.isascii():
        return raw.decode("ascii")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        if encoding != "cp1251" and _utf8_share(raw) >= 0.5:
            return raw.decode("utf-8", "replace")
        return raw.decode("cp1251", "replace")
    # Two or three letters of Windows-1251 can look like UTF-8 by chance; more cannot.
    by_chance = encoding == "cp1251" and len(raw) - len(text) < 4
    return raw.decode("cp1251", "replace") if by_chance else text


def _read_full(stream: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes, also from a pipe that hands out less at a time."""
    parts: list[bytes] = []
    while size > 0 and (part := _read(stream, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _read(stream: BinaryIO, size: int) -> bytes:
    try:
        return stream.read(size) or b""
    except OSError as error:
        raise InputError("file", f"файл не читается: {error.strerror or error}") from error


def _chunks(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    yield head
    while chunk := _read(stream, CHUNK_BYTES):
        yield chunk


def _without_bom(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The chunks in an 8-bit encoding (UTF-16 becomes UTF-8) and without a byte order mark."""
    if encoding in _UTF16.values():
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        first = decoder.decode(next(chunks)[2:])
        yield first.encode("utf-8", "replace")
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "replace")
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")
        return
    yield next(chunks).removeprefix(codecs.BOM_UTF8)
    yield from chunks


def _split(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Raw lines and whether they were too long. A file without any LF in its head ends its lines with CR (old Mac)."""
    rest = next(chunks)
    newline = b"\r" if b"\n" not in rest and b"\r" in rest else b"\n"
    overflowing = False
    pending: bytes | None = rest
    rest = b""
    while pending is not None:
        *complete, rest = (rest + pending).split(newline)
        for line in complete:
            yield line, overflowing or len(line) > MAX_LINE_BYTES
            overflowing = False
        if len(rest) > MAX_LINE_BYTES:
            overflowing, rest = True, rest[:_KEPT_OF_LONG_LINE]
        pending = next(chunks, None)
    if rest:
        yield rest, overflowing


def _decoded(raw_lines: Iterator[tuple[bytes, bool]], encoding: str) -> Iterator[Line]:
    for number, (raw, too_long) in enumerate(raw_lines, 1):
        kept = raw[:_KEPT_OF_LONG_LINE] if too_long else raw.removesuffix(b"\r")
        yield Line(number, decode_line(kept, encoding), too_long)
