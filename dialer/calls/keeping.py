"""What is kept of a call: transcript and recording."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from dialer.calls.costs import cost_rub, prices
from dialer.calls.ports import CallPorts
from dialer.conversation.notes import Talk
from dialer.ledger.claims import AttemptJob

log = structlog.get_logger(__name__)


def keep(ports: CallPorts, job: AttemptJob, talk: Talk) -> dict[str, Any]:
    """Save recording and transcript; a full disk costs the files, never the decision."""
    parts = cost_rub(prices(), talk.usage, talk.outcome.talk_s, ports.settings.speech)
    artifacts: dict[str, Any] = {
        "sources": talk.sources,
        "latency_ms": talk.latency_ms,
        "cost_rub": round(sum(parts.values()), 4),
        "cost_parts_rub": parts,
        "usage": asdict(talk.usage),
    }
    folder = ports.settings.home / "calls" / f"{job.campaign.id}"
    stem = f"{job.order_pk}-{job.number}-{job.attempt_id[:8]}"
    about = {
        "attempt_id": job.attempt_id,
        "order": job.order_pk,
        "attempt": job.number,
        "disposition": talk.outcome.disposition,
        "decision": talk.outcome.decision,
        "talk_s": talk.outcome.talk_s,
        "cost_rub": artifacts["cost_rub"],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        talk.transcript.save(folder / f"{stem}.json", about)
        artifacts["transcript"] = _relative(ports, folder / f"{stem}.json")
        if ports.settings.record_calls:
            talk.save_recording(folder / f"{stem}.wav")
            artifacts["recording"] = _relative(ports, folder / f"{stem}.wav")
    except OSError as error:
        log.error("recording_failed", attempt_id=job.attempt_id, errno=error.errno)
    return artifacts


def _relative(ports: CallPorts, path: Path) -> str:
    return str(path.relative_to(ports.settings.home))
