"""Several Asterisk nodes in the ledger: limits, draining, and nodes on which nobody takes attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from dialer import campaigns
from dialer.errors import AriUnavailableError
from dialer.ledger import trunks
from dialer.ledger.claims import Released, hand_back, release_due
from dialer.ledger.store import Ledger
from tests.support.factories import LEASE_S, NOW, claim, make_campaign

GRACE_S = 20.0
LATER = NOW + timedelta(seconds=GRACE_S + 1)


async def _released(ledger: Ledger, node: Sequence[str] | dict[str, int]) -> list[Released]:
    async with ledger.begin() as tx:
        return await release_due(tx, now=NOW, node=node)


async def _drain(ledger: Ledger, node: str, *, drained: bool = True) -> None:
    async with ledger.begin() as tx:
        await trunks.set_drained(tx, node, drained=drained)


async def _never(_attempt_id: str) -> bool:
    raise AriUnavailableError("nobody asks for this")


async def _upkeep(ledger: Ledger, nodes: Sequence[str], published: list[Released]) -> campaigns.UpkeepCounts:
    return await campaigns.upkeep(
        ledger,
        hangup=_never,
        nodes=dict.fromkeys(nodes, _never),
        node=nodes[0],
        publish=published.extend,
        grace_s=GRACE_S,
        now=LATER,
        quiet_after_restart_s=0.0,
    )


async def test_a_nodes_own_limit_holds_over_all_campaigns(ledger: Ledger) -> None:
    await make_campaign(ledger, 20, lines=20)
    await make_campaign(ledger, 20, lines=20)

    first = await _released(ledger, {"east": 3, "west": 7})
    second = await _released(ledger, {"east": 3, "west": 7})

    assert Counter(attempt.node for attempt in first) == {"east": 3, "west": 7}
    assert second == []


async def test_a_drained_node_gets_no_calls_until_it_is_back(ledger: Ledger) -> None:
    await make_campaign(ledger, 20, lines=4)
    await _drain(ledger, "east")

    without = await _released(ledger, ["east", "west"])
    await _drain(ledger, "east", drained=False)
    await make_campaign(ledger, 20, lines=4)
    again = await _released(ledger, ["east", "west"])

    assert {attempt.node for attempt in without} == {"west"}
    assert {attempt.node for attempt in again} == {"east"}  # the emptier one


async def test_what_was_released_before_the_drain_is_not_dialed_there(ledger: Ledger) -> None:
    await make_campaign(ledger, 1)
    (attempt,) = await _released(ledger, ["east"])
    await _drain(ledger, "east")

    job = await claim(ledger, attempt.attempt_id, node="east")
    (elsewhere,) = await _released(ledger, ["east", "west"])

    assert job is None
    assert elsewhere.node == "west"


async def test_an_attempt_is_bound_to_the_node_whose_worker_claims_it(ledger: Ledger) -> None:
    await make_campaign(ledger, 1)
    (attempt,) = await _released(ledger, ["east"])

    job = await claim(ledger, attempt.attempt_id, node="west")

    assert job is not None
    assert job.node == "west"


async def test_attempts_of_a_silent_node_go_to_the_others_and_it_is_paused(ledger: Ledger) -> None:
    await make_campaign(ledger, 10, lines=4)
    released = await _released(ledger, ["east", "west"])
    for attempt in released:
        if attempt.node == "west":
            await claim(ledger, attempt.attempt_id, node="west", now=NOW + timedelta(seconds=1))
    published: list[Released] = []

    counts = await _upkeep(ledger, ["east", "west"], published)

    assert counts.moved == 2
    assert {attempt.node for attempt in published} == {"west"}
    async with ledger.begin() as tx:
        assert [trunk.node for trunk in await trunks.open_trunks(tx, ["east", "west"], LATER)] == ["west"]


async def test_a_lone_node_is_published_to_again(ledger: Ledger) -> None:
    await make_campaign(ledger, 4, lines=4)
    await _released(ledger, ["east"])
    published: list[Released] = []

    counts = await _upkeep(ledger, ["east"], published)

    assert (counts.moved, counts.republished) == (0, 4)
    assert {attempt.node for attempt in published} == {"east"}


async def test_a_worker_that_hands_back_does_not_make_its_node_silent(ledger: Ledger) -> None:
    await make_campaign(ledger, 1)
    (attempt,) = await _released(ledger, ["east", "west"])
    async with ledger.begin() as tx:
        await hand_back(tx, attempt.attempt_id)
    published: list[Released] = []

    counts = await _upkeep(ledger, ["east", "west"], published)

    assert counts.moved == 0
    assert published == [attempt]


async def test_a_lost_attempt_is_hung_up_on_its_own_node(ledger: Ledger) -> None:
    await make_campaign(ledger, 1)
    (attempt,) = await _released(ledger, ["west"])
    await claim(ledger, attempt.attempt_id, node="west")
    asked: list[str] = []

    async def west(attempt_id: str) -> bool:
        asked.append(attempt_id)
        return True

    counts = await campaigns.upkeep(
        ledger,
        hangup=_never,
        nodes={"east": _never, "west": west},
        node="east",
        publish=lambda _attempts: None,
        grace_s=GRACE_S,
        now=NOW + timedelta(seconds=LEASE_S + 1),
        quiet_after_restart_s=0.0,
    )

    assert (counts.lost, asked) == (1, [attempt.attempt_id])
