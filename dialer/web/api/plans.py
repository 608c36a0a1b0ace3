"""Plans as callers write them to plans as the campaigns have them, and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

from dialer.campaigns import check_script, coming_opening
from dialer.domain.campaign import CampaignPlan
from dialer.domain.order import OrderState
from dialer.domain.policy import CallingWindow
from dialer.errors import InputError
from dialer.ledger.campaigns import CampaignRow, plan_to_json
from dialer.settings import config_dir
from dialer.web.api.schemas import Campaign, PlanFields, Window
from dialer.web.problems import FieldProblem, HttpProblem

#: Fields for which null is a value; for the others it means "as it is".
_CLEARABLE = frozenset({"cron", "caller_id"})


def changed_plan(plan: CampaignPlan, wanted: PlanFields) -> CampaignPlan:
    """The plan with the fields that were given.

    Raises InputError for a script that cannot be used, HttpProblem 409 for fields that contradict each other.
    """
    given: dict[str, Any] = {
        name: getattr(wanted, name)
        for name in wanted.model_fields_set - {"name", "window"}
        if name in _CLEARABLE or getattr(wanted, name) is not None
    }
    if "retry_countdowns_s" in given:
        given["retry_countdowns_s"] = tuple(given["retry_countdowns_s"])
    if "script" in given:
        check_script(given["script"])
    if wanted.window is not None:
        given["window"] = _window(plan.window, wanted.window)
    return replace(plan, **given)


def _window(window: CallingWindow, wanted: Window) -> CallingWindow:
    given: dict[str, Any] = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    for name in given.keys() & {"start", "end"}:
        given[name] = time.fromisoformat(given[name])
    if "weekdays" in given:
        given["weekdays"] = tuple(sorted(set(given["weekdays"])))
    changed = replace(window, **given)
    if changed.start > changed.end:
        raise _contradiction("window.end", "must not lie before window.start (equal times: the whole day)")
    if changed.valid_from and changed.valid_until and changed.valid_from > changed.valid_until:
        raise _contradiction("window.valid_until", "must not lie before window.valid_from")
    return changed


def _contradiction(field: str, reason: str) -> HttpProblem:
    """Each field is right by itself, but not beside what the request or the campaign says elsewhere."""
    return HttpProblem(409, f"{field}: {reason}", errors=[FieldProblem(field=field, reason=reason)])


def usable_scripts() -> list[str]:
    """Names of the scripts that a campaign can have."""
    names = sorted(path.stem for path in (config_dir() / "scripts").glob("*.yaml"))
    return [name for name in names if _is_usable(name)]


def _is_usable(name: str) -> bool:
    try:
        check_script(name)
    except InputError:
        return False
    return True


def campaign_out(campaign: CampaignRow, counts: dict[OrderState, int]) -> Campaign:
    """The campaign as the API shows it."""
    return Campaign(
        id=campaign.id,
        name=campaign.name,
        state=campaign.state,
        plan=plan_to_json(campaign.plan),
        created_at=campaign.created_at,
        started_at=campaign.started_at,
        ended_at=campaign.ended_at,
        next_opening_at=coming_opening(campaign, datetime.now(UTC)),
        orders=counts,
    )
