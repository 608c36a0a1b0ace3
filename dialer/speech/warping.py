"""Dynamic time warping of one utterance against many references at once, in plain numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

#: How far, as a share of the reference, the path may stray from the straight line between the ends.
BAND = 0.25
#: Rows and columns that may be skipped at either end: a clipped consonant, a breath.
_SLACK = 3
_FAR = np.float32(1e9)


def warped_distances(heard: Floats, references: Sequence[Floats]) -> Floats:
    """Mean distance per frame of `heard` along the best path to each reference; smaller is nearer.

    Each step goes on by one frame of `heard` and by none, one or two of the reference (Sakoe and Chiba's asymmetric
    pattern), so one row depends only on the row before it and all references advance together.
    """
    longest = max(len(each) for each in references)
    padded = np.zeros((len(references), longest, heard.shape[1]), dtype=np.float32)
    lengths = np.array([len(each) for each in references])
    for index, each in enumerate(references):
        padded[index, : len(each)] = each
    costs = _costs(heard, padded)
    columns = np.arange(longest)
    paths = np.where(columns <= _SLACK, costs[0], _FAR)
    for row in range(1, len(heard)):
        two_back = np.full_like(paths, _FAR)
        two_back[:, 2:] = paths[:, :-2]
        best = np.minimum(paths, two_back)
        best[:, 1:] = np.minimum(best[:, 1:], paths[:, :-1])
        straight = row / len(heard) * lengths[:, None]
        outside = np.abs(columns - straight) > BAND * lengths[:, None] + _SLACK
        paths = np.where(outside, _FAR, best + costs[row])
    ends = (columns >= lengths[:, None] - 1 - _SLACK) & (columns < lengths[:, None])
    distances: Floats = np.where(ends, paths, _FAR).min(axis=1).astype(np.float32) / np.float32(len(heard))
    return distances


def _costs(heard: Floats, padded: Floats) -> Floats:
    """Distances between all frames, shape (heard, references, longest)."""
    flat = padded.reshape(-1, padded.shape[2])
    squares = np.square(heard).sum(axis=1)[:, None] + np.square(flat).sum(axis=1) - 2 * (heard @ flat.T)
    distances: Floats = np.sqrt(np.maximum(squares, 0)).reshape(len(heard), *padded.shape[:2])
    return distances
