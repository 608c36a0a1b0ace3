"""Both sides of a recording stand where they were heard."""

import json
import wave
from pathlib import Path

import numpy as np

from dialer.conversation.recording import BotTrack, CustomerTrack, Line, Transcript, save_stereo
from tests.support.ears import tone


def loud(pcm: bytes) -> list[tuple[float, float]]:
    """(from, to) of sound, in seconds."""
    samples = np.abs(np.frombuffer(pcm, "<i2").astype(int)) > 500
    blocks = samples[: len(samples) // 80 * 80].reshape(-1, 80).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], blocks.astype(int), [0]))))
    return [(round(begin / 100, 2), round(end / 100, 2)) for begin, end in edges.reshape(-1, 2)]


def test_the_customers_frames_stand_where_they_arrived() -> None:
    track = CustomerTrack()
    for number in range(10):
        track.add(tone(0.02), 1.02 + number * 0.02)
    for number in range(10):
        track.add(tone(0.02), 3.02 + number * 0.02)

    assert loud(bytes(track.pcm)) == [(1.0, 1.2), (3.0, 3.2)]


def test_jitter_leaves_no_holes() -> None:
    track = CustomerTrack()
    for at in (0.02, 0.04, 0.09, 0.09, 0.10):
        track.add(tone(0.02), at)

    assert len(loud(bytes(track.pcm))) == 1


def test_the_bot_is_heard_in_real_time_though_it_hands_over_at_once() -> None:
    track = BotTrack()
    track.play(tone(1.0), 0.5)
    track.play(tone(1.0), 0.5)
    track.end(5.0)

    assert loud(bytes(track.pcm)) == [(0.5, 2.5)]


def test_a_pause_moves_the_rest_and_a_flush_drops_it() -> None:
    track = BotTrack()
    track.play(tone(2.0), 0.0)
    track.pause(0.5)
    track.resume(1.5)
    track.flush(2.0)
    track.play(tone(0.5), 4.0)
    track.end(9.0)

    assert loud(bytes(track.pcm)) == [(0.0, 0.5), (1.5, 2.0), (4.0, 4.5)]


def test_what_was_not_heard_by_the_end_never_was() -> None:
    track = BotTrack()
    track.play(tone(3.0), 1.0)
    track.end(2.0)

    assert loud(bytes(track.pcm)) == [(1.0, 2.0)]


def test_what_is_left_to_hear_stands_still_in_a_pause() -> None:
    track = BotTrack()
    track.play(tone(2.0), 0.0)
    track.pause(0.5)

    assert track.left_s(0.5) == track.left_s(8.0) == 1.5


def test_the_file_has_the_bot_left_and_the_customer_right(tmp_path: Path) -> None:
    save_stereo(tmp_path / "call.wav", tone(1.0), bytes(8000) + tone(1.0))

    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 12000)
        both = np.frombuffer(file.readframes(12000), "<i2").reshape(-1, 2)
    assert np.abs(both[:4000, 0]).max() > 5000
    assert not both[:4000, 1].any()
    assert not both[8000:, 0].any()


def test_a_transcript_is_in_order_of_time_and_leaves_out_what_is_not_known(tmp_path: Path) -> None:
    transcript = Transcript()
    transcript.add(Line(5.0, "customer", "Да", "confirm", "rules", 0.95, {"reply": 320}))
    transcript.add(Line(0.1, "bot", "Подтверждаете?", heard_in_full=True))

    transcript.save(tmp_path / "call.json", {"attempt_id": "a-1"})

    saved = json.loads((tmp_path / "call.json").read_text("utf-8"))
    assert saved["attempt_id"] == "a-1"
    assert saved["lines"] == [
        {"at_s": 0.1, "who": "bot", "text": "Подтверждаете?", "heard_in_full": True},
        {
            "at_s": 5.0,
            "who": "customer",
            "text": "Да",
            "action": "confirm",
            "source": "rules",
            "confidence": 0.95,
            "latency_ms": {"reply": 320},
        },
    ]
