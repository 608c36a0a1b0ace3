"""The demo's live progress: a table on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dialer.demo.campaign import Moment
from dialer.domain.order import OrderState
from dialer.domain.outcome import CONFIRMING, Decision

#: Seconds between lines when the output is not a terminal.
LINE_EVERY_S = 5.0
_SHOWN_CALLS = 10


class ProgressView:
    """Shows moments of a campaign."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._next_line_s = 0.0

    def __enter__(self) -> ProgressView:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, line: str) -> None:
        """One line that stays."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, moment: Moment) -> None:
        """The present state."""
        if self._live is not None:
            self._live.update(_panel(moment))
        elif moment.seconds >= self._next_line_s:
            self._next_line_s = moment.seconds + LINE_EVERY_S
            self.say(_line(moment))


def _counts(moment: Moment) -> str:
    decisions = moment.progress.decisions
    confirmed = sum(count for decision, count in decisions.items() if decision in CONFIRMING)
    rate = moment.progress.confirmation_rate
    parts = [
        f"{moment.progress.final}/{moment.progress.orders} orders done",
        f"confirmed {confirmed}" + (f" ({rate:.0%} of decided)" if rate is not None else ""),
        f"cancelled {decisions.get(Decision.CANCELLED, 0)}",
        f"waiting for a retry {moment.progress.states.get(OrderState.WAITING, 0)}",
        f"unreachable {moment.progress.states.get(OrderState.UNREACHABLE, 0)}",
    ]
    return ", ".join(parts)


def _line(moment: Moment) -> str:
    talking = [call for call in moment.live if call.state is OrderState.TALKING]
    return f"[{moment.seconds:5.0f} s] {_counts(moment)}; talking: {len(talking)}"


def _panel(moment: Moment) -> Group:
    table = Table(box=None, pad_edge=False)
    for title in ("order", "attempt", "state", "for"):
        table.add_column(title)
    now = datetime.now(UTC)
    for call in moment.live[:_SHOWN_CALLS]:
        table.add_row(call.order_id, str(call.number), call.state.value, f"{(now - call.since).total_seconds():.0f} s")
    hidden = len(moment.live) - _SHOWN_CALLS
    more = Text(f"... and {hidden} more" if hidden > 0 else "")
    bar = ProgressBar(total=max(1, moment.progress.orders), completed=moment.progress.final, width=60)
    return Group(Text(f"{moment.seconds:.0f} s  {_counts(moment)}"), bar, table, more)
