"""Settlement: attempt, order and outbox (or due time) change together, once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dialer.domain.order import OrderState
from dialer.domain.outcome import STATUS_OF_DECISION, Decision, Disposition, Outcome
from dialer.domain.policy import CallAgain, Decided, GiveUp, Skip
from dialer.ledger import dnc
from dialer.ledger.orders import attempts_of
from dialer.ledger.outbox import claim_deliveries
from tests.support.factories import (
    CONFIRMED,
    NO_ANSWER,
    NOW,
    make_campaign,
    order_of,
    release_and_claim,
    settle,
)

if TYPE_CHECKING:
    from dialer.domain.policy import NextStep
    from dialer.ledger.outbox import Delivery
    from dialer.ledger.store import Ledger


async def _outbox(ledger: Ledger) -> list[Delivery]:
    async with ledger.begin() as tx:
        return await claim_deliveries(tx, NOW + timedelta(days=1), 100)


@pytest.mark.parametrize("decision", Decision)
async def test_a_decision_finishes_the_order_and_is_told_once(ledger: Ledger, decision: Decision) -> None:
    campaign = await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)
    outcome = Outcome(Disposition.ANSWERED, decision, data={"address": "Тверская, 1"}, cause=16, talk_s=31.5)

    assert await settle(ledger, job.attempt_id, outcome, artifacts={"recording": "a.wav"})

    order = await order_of(ledger, campaign)
    (message,) = await _outbox(ledger)
    async with ledger.begin() as tx:
        (attempt,) = await attempts_of(tx, order.pk)
    assert (order.state, order.decision, order.attempts) == (OrderState.DECIDED, decision, 1)
    assert (message.order_id, message.status) == (job.order.order_id, STATUS_OF_DECISION[decision])
    assert (message.data, message.idempotency_key) == ({"address": "Тверская, 1"}, job.attempt_id)
    assert (attempt.talk_s, attempt.cause, attempt.artifacts) == (31.5, 16, {"recording": "a.wav"})


async def test_an_unreachable_order_is_told_with_its_last_disposition(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)

    await settle(ledger, job.attempt_id, NO_ANSWER, step=GiveUp())

    (message,) = await _outbox(ledger)
    assert (await order_of(ledger, campaign)).state is OrderState.UNREACHABLE
    assert (message.status, message.data) == ("unreachable", {"disposition": "no_answer"})


async def test_a_retry_waits_until_its_time_and_tells_nobody(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)
    due = NOW + timedelta(minutes=30)

    await settle(ledger, job.attempt_id, NO_ANSWER, step=CallAgain(due))

    order = await order_of(ledger, campaign)
    assert (order.state, order.due_at, order.disposition) == (OrderState.WAITING, due, "no_answer")
    assert await _outbox(ledger) == []


async def test_an_order_settled_in_the_shop_is_skipped_and_not_told(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)

    await settle(ledger, job.attempt_id, Outcome(Disposition.NOT_DIALED), step=Skip("settled_in_shop"))

    order = await order_of(ledger, campaign)
    assert (order.state, order.skip_reason, order.attempts) == (OrderState.SKIPPED, "settled_in_shop", 0)
    assert await _outbox(ledger) == []


async def test_of_many_settlements_at_once_one_counts(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)
    outcomes = [CONFIRMED, NO_ANSWER, Outcome(Disposition.LOST)] * 3

    won = await asyncio.gather(*(settle(ledger, job.attempt_id, outcome, worker=None) for outcome in outcomes))

    order = await order_of(ledger, campaign)
    assert won.count(True) == 1
    assert order.disposition == outcomes[won.index(True)].disposition
    assert len(await _outbox(ledger)) == (1 if order.state is OrderState.DECIDED else 0)


async def test_only_the_worker_that_holds_the_attempt_settles_it(ledger: Ledger) -> None:
    await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)

    assert not await settle(ledger, job.attempt_id, worker="somebody")
    assert await settle(ledger, job.attempt_id)


async def test_a_renewed_lease_is_not_expired_after_all(ledger: Ledger) -> None:
    await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)

    lost = await settle(ledger, job.attempt_id, Outcome(Disposition.LOST), worker=None, expired_before=NOW)

    assert not lost


async def test_do_not_call_puts_the_number_on_the_list(ledger: Ledger) -> None:
    await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)

    await settle(ledger, job.attempt_id, Outcome(Disposition.ANSWERED, Decision.DO_NOT_CALL))

    async with ledger.begin() as tx:
        assert await dnc.is_forbidden(tx, job.order.phone)


async def test_a_call_that_outlives_its_stopped_campaign_is_not_retried_but_its_decision_counts(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 2)
    first, second = await release_and_claim(ledger)
    async with ledger.begin() as tx:
        await tx.execute(text("UPDATE campaigns SET state = 'stopped'"))

    await settle(ledger, first.attempt_id, NO_ANSWER)
    await settle(ledger, second.attempt_id)

    missed = await order_of(ledger, campaign, first.order.order_id)
    decided = await order_of(ledger, campaign, second.order.order_id)
    assert (missed.state, missed.skip_reason) == (OrderState.SKIPPED, "stopped")
    assert decided.state is OrderState.DECIDED


@pytest.mark.parametrize(
    ("outcome", "step"),
    [(NO_ANSWER, Decided()), (CONFIRMED, GiveUp()), (CONFIRMED, CallAgain(NOW)), (CONFIRMED, Skip("x"))],
)
async def test_a_step_that_contradicts_the_outcome_is_refused(ledger: Ledger, outcome: Outcome, step: NextStep) -> None:
    await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)

    with pytest.raises(ValueError, match="decision"):
        await settle(ledger, job.attempt_id, outcome, step=step)
