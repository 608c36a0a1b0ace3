"""Pictures as inline SVG: coloured by CSS classes (`tone-*`), with a text for those who do not see them.

Nothing here sets a style attribute, so that pages may forbid inline styles; sizes are SVG's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

_WIDTH: Final = 100.0
#: Between two parts of a bar.
_GAP: Final = 0.25
#: Fewer columns are drawn as wide as if there were so many.
_LEAST_COLUMNS: Final = 7
#: A chart that is wider stands in a box that scrolls on a phone.
_HALF_PAGE: Final = 440
#: Of a chart of columns: the upper row, the lower row's axis, and the names below it.
_COLUMN_HEIGHT: Final = 84
_MIDDLE: Final = 102
_SHARE_HEIGHT: Final = 52
_AXIS: Final = 174
_BASE: Final = 189
_ROUND: Final = 2 * math.pi * 54


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of a bar."""

    label: str
    tone: str
    count: int


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `part` of `whole`, a share of its own, and what hovering says."""

    label: str
    part: int
    whole: int
    title: str = ""
    share: float | None = None


def bar(slices: Sequence[Slice], whole: int | None = None) -> Markup:
    """A stacked horizontal bar. `whole` is the full width's count, by default the slices' sum."""
    total = whole if whole is not None else sum(piece.count for piece in slices)
    parts, at = [], 0.0
    for piece in slices:
        if not piece.count or not total:
            continue
        width = _WIDTH * piece.count / total
        gap = _GAP if at + width < _WIDTH - _GAP else 0.0
        title = escape(f"{piece.label}: {piece.count}")
        parts.append(
            f'<rect class="tone-{escape(piece.tone)}" x="{at:.2f}" y="0" width="{max(width - gap, 0.2):.2f}" '
            f'height="10"><title>{title}</title></rect>'
        )
        at += width
    spoken = ", ".join(f"{piece.label}: {piece.count}" for piece in slices if piece.count) or "0"
    return Markup(  # noqa: S704 - every inserted text is escaped
        f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{escape(spoken)}">'
        f'<rect class="track" x="0" y="0" width="100" height="10"></rect>{"".join(parts)}</svg>'
    )


def ring(share: float | None, goal: float, text: str, label: str) -> Markup:
    """A share as part of a ring, with a mark at the goal."""
    tone = "good" if share is not None and share > goal else "warn"
    arc = ""
    if share:
        arc = (
            f'<circle class="arc tone-{tone}" cx="66" cy="66" r="54" '
            f'stroke-dasharray="{_ROUND * share:.2f} {_ROUND:.2f}" transform="rotate(-90 66 66)"></circle>'
        )
    return Markup(  # noqa: S704 - every inserted text is escaped
        f'<svg class="ring" viewBox="0 0 132 132" role="img" aria-label="{escape(label)}">'
        f'<circle class="arc track" cx="66" cy="66" r="54"></circle>{arc}'
        f'<line class="goal-mark" x1="66" y1="3" x2="66" y2="21" transform="rotate({360 * goal:.1f} 66 66)"></line>'
        f'<text x="66" y="74" text-anchor="middle">{escape(text)}</text></svg>'
    )


def columns(items: Sequence[Column], label: str, goal: float, *, width: int = 440, every: int = 1) -> Markup:
    """Two rows over one axis: columns as high as their whole, filled as far as their part (the part in per cent above);
    below them each one's share from 0 to 100 %, with a line at the goal. Every `every`-th is named.

    `width` is in units of the text's size: 440 for half a page, 1100 for a whole one.
    """
    step = width / max(len(items), _LEAST_COLUMNS)
    most = max((item.whole for item in items), default=0) or 1
    parts = []
    for index, item in enumerate(items):
        name = _text(step * (index + 0.5), _BASE, item.label) if index % every == 0 else ""
        title = escape(item.title or f"{item.label}: {item.part} / {item.whole}")
        # Each column answers to the pointer over its full height, also where it is low.
        hit = f'<rect class="hit" x="{step * index:.1f}" y="0" width="{step:.1f}" height="{_AXIS}"></rect>'
        parts.append(f"<g><title>{title}</title>{hit}{_one_column(item, step * index, step, most, goal)}{name}</g>")
    lines = "".join(
        f'<line class="{kind}" x1="0" y1="{y:.1f}" x2="{width}" y2="{y:.1f}"></line>'
        for kind, y in (("axis", _MIDDLE), ("axis", _AXIS), ("goal-line", _AXIS - _SHARE_HEIGHT * goal))
    )
    kind = "columns wide" if width > _HALF_PAGE else "columns"
    return Markup(  # noqa: S704 - every inserted text is escaped
        f'<svg class="{kind}" viewBox="0 0 {width} {_BASE + 6}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}{lines}</svg>"
    )


def _one_column(item: Column, left: float, step: float, most: int, goal: float) -> str:
    if not item.whole:
        return ""
    middle, thick = left + step / 2, min(step * 0.62, 40)
    high = [_COLUMN_HEIGHT * count / most for count in (item.whole, item.part)]
    drawn = [
        _rect(kind, middle, thick, _MIDDLE, tall) for kind, tall in zip(("column", "column-part"), high, strict=True)
    ]
    drawn.append(_text(middle, _MIDDLE - high[0] - 5, f"{100 * item.part / item.whole:.0f}%"))
    if item.share is not None:
        tone = "tone-good" if item.share > goal else "tone-warn"
        drawn.append(_rect(tone, middle, thick, _AXIS, max(1.0, _SHARE_HEIGHT * item.share)))
        drawn.append(_text(middle, _AXIS - _SHARE_HEIGHT * item.share - 5, f"{100 * item.share:.0f}%"))
    return "".join(drawn)


def _rect(kind: str, middle: float, thick: float, bottom: float, tall: float) -> str:
    return (
        f'<rect class="{kind}" x="{middle - thick / 2:.1f}" y="{bottom - tall:.1f}" width="{thick:.1f}" '
        f'height="{tall:.1f}" rx="2"></rect>'
    )


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(words)}</text>'


def area(values: Sequence[int], parts: Sequence[int], label: str) -> Markup:
    """Two areas over time, `parts` within `values`; the newest on the right."""
    most = max([*values, 1])
    return Markup(  # noqa: S704 - every inserted text is escaped
        f'<svg class="area" viewBox="0 0 {max(len(values) - 1, 1)} 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}"><path class="area-whole" d="{_outline(values, most)}"></path>'
        f'<path class="area-part" d="{_outline(parts, most)}"></path></svg>'
    )


def _outline(values: Sequence[int], most: int) -> str:
    points = " ".join(f"L{index} {98 - 94 * value / most:.1f}" for index, value in enumerate(values))
    return f"M0 100 {points} L{max(len(values) - 1, 1)} 100 Z"
