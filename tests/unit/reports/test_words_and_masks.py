"""The report's small parts: every state has a Russian word, phones are masked, rates know zero."""

from __future__ import annotations

import pytest

from dialer.domain.campaign import CampaignState
from dialer.domain.intent import Source
from dialer.domain.order import OrderState
from dialer.domain.outcome import Decision, Disposition
from dialer.reporting import names, words
from dialer.reporting.model import masked_phone, rate


def test_every_name_that_the_ledger_writes_has_a_word() -> None:
    assert set(words.DECISIONS) == set(Decision)
    assert set(words.STATES) == set(OrderState)
    assert set(words.DISPOSITIONS) == set(Disposition) - {Disposition.NOT_DIALED} | {"live"}
    assert set(words.CAMPAIGN_STATES) == set(CampaignState)
    assert set(names.SOURCES) == set(Source)


@pytest.mark.parametrize(
    ("count", "form"),
    [(0, "звонков"), (1, "звонок"), (2, "звонка"), (5, "звонков"), (11, "звонков"), (21, "звонок"), (112, "звонков")],
)
def test_plurals(count: int, form: str) -> None:
    assert words.plural(count, "звонок", "звонка", "звонков") == form


def test_a_masked_phone_can_be_recognised_but_not_called() -> None:
    assert masked_phone("+79161234567") == "+7 916 ***-**-67"
    assert masked_phone("+7123") == "***"


def test_a_rate_without_denominator_is_unknown_not_zero() -> None:
    assert rate(0, 0) is None
    assert rate(2, 3) == 0.6667
