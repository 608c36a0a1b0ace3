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
#: Fewer columns are drawn as wide as if there were so many.
_LEAST_COLUMNS: Final = 12
_ROUND: Final = 2 * math.pi * 54


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of a bar."""

    label: str
    tone: str
    count: int


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `part` of `whole`, and what hovering says."""

    label: str
    part: int
    whole: int
    title: str = ""


def bar(slices: Sequence[Slice], whole: int | None = None) -> Markup:
    """A stacked horizontal bar. `whole` is the full width's count, by default the slices' sum."""
    total = whole if whole is not None else sum(piece.count for piece in slices)
    parts, at = [], 0.0
    for piece in slices:
        if not piece.count or not total:
            continue
        width = _WIDTH * piece.count / total
        title = escape(f"{piece.label}: {piece.count}")
        parts.append(
            f'<rect class="tone-{escape(piece.tone)}" x="{at:.2f}" y="0" width="{max(width - 0.25, 0.2):.2f}" '
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


def columns(items: Sequence[Column], label: str, *, every: int = 1) -> Markup:
    """Columns as high as their whole, filled as far as their part; every `every`-th is named below it."""
    step, height, base = 24, 92, 15
    width = max(len(items), _LEAST_COLUMNS) * step
    most = max((item.whole for item in items), default=0) or 1
    parts = []
    for index, item in enumerate(items):
        x = index * step + 3
        title = escape(item.title or f"{item.label}: {item.part} / {item.whole}")
        # Each column answers to the pointer over its full height, also where it is low.
        hit = f'<rect class="hit" x="{x - 3}" y="0" width="{step}" height="{height}"></rect>'
        drawn = [
            f'<rect class="{kind}" x="{x}" y="{height - high:.1f}" width="18" height="{high:.1f}" rx="2"></rect>'
            for kind, high in (("column", height * item.whole / most), ("column-part", height * item.part / most))
        ]
        parts.append(f"<g><title>{title}</title>{hit}{''.join(drawn)}</g>")
        if index % every == 0:
            parts.append(f'<text x="{x + 9}" y="{height + base - 3}" text-anchor="middle">{escape(item.label)}</text>')
    kind = "columns wide" if len(items) > _LEAST_COLUMNS else "columns"
    return Markup(  # noqa: S704 - every inserted text is escaped
        f'<svg class="{kind}" viewBox="0 0 {width} {height + base}" role="img" aria-label="{escape(label)}">'
        f'<line class="axis" x1="0" y1="{height}" x2="{width}" y2="{height}"></line>{"".join(parts)}</svg>'
    )


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
