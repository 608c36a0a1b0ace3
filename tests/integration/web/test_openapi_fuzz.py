"""Requests made up from the OpenAPI document: whatever is sent, the answer is one that the document describes."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.ledger.store import Ledger
from tests.support.factories import NO_ANSWER, make_campaign, make_order
from tests.support.stories import tell
from tests.support.web_server import CONTROL, WebServer

if TYPE_CHECKING:
    from pathlib import Path

#: Made-up requests per operation, besides the boundary values of every field.
EXAMPLES = 5


async def _fill(url: str) -> None:
    ledger = Ledger(url)
    cancelled = Outcome(Disposition.ANSWERED, Decision.CANCELLED, talk_s=5.0)
    await tell(ledger, [(make_order(), [NO_ANSWER]), (make_order(), [cancelled])], name="night")
    await make_campaign(ledger, 2, name="a")
    await ledger.close()


@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed")
@pytest.mark.timeout(400)
def test_every_answer_is_one_that_the_document_describes(database_url: str, tmp_path: Path) -> None:
    asyncio.run(_fill(database_url))

    with WebServer(database_url, tmp_path / "home") as base_url:
        argv = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{base_url}/openapi.json", "--no-color"),
            *(
                "--header",
                f"Authorization: Bearer {CONTROL}",
                "--checks",
                "all",
                "--phases",
                "examples,coverage,fuzzing",
            ),
            *("--max-examples", str(EXAMPLES), "--seed", "1", "--continue-on-failure"),
        ]
        run = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=380)

    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
