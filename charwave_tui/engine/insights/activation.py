"""What an activation puts out, unit by unit."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from charwave_tui.core.insights import MOST_LISTED, ActivationInsight, Lens
from charwave_tui.engine.insights.grid import grid, window
from charwave_tui.engine.insights.histogram import histogram
from charwave_tui.engine.look import Look
from charwave_tui.engine.probe import stuck_units

NEARLY = 0.9
"""A unit that is stuck for a larger share of examples than this is nearly dead."""

MOST_ROWS, MOST_COLUMNS = 512, 1_024
"""The most examples and units of a window, which keeps an answer within two megabytes."""


def activation(look: Look, lens: Lens, symbols: str) -> ActivationInsight:
    """The insight into the activation at `lens.layer`; ids from 1 stand for `symbols`."""
    out = look.outputs[lens.layer]
    values = out.unsqueeze(1) if out.ndim == 2 else out  # [B, C] → [B, 1, C]
    examples, positions, units = values.shape
    stuck = stuck_units(look.layers[lens.layer], out)
    shares = torch.zeros(units) if stuck is None else stuck.cpu()
    dead = (shares == 1).nonzero().flatten()  # [units] → [dead units]
    nearly = ((shares > NEARLY) & (shares < 1)).nonzero().flatten()
    position = min(max(lens.position, 0), positions - 1)
    top, rows = window(lens.top, lens.rows, examples, MOST_ROWS)
    left, columns = window(lens.left, lens.columns, units, MOST_COLUMNS)
    gradient = look.gradients[lens.layer]
    return ActivationInsight(
        output=histogram(out),
        gradient=None if gradient is None else histogram(gradient),
        examples=examples,
        positions=positions,
        units=units,
        dead=tuple(dead[:MOST_LISTED].tolist()),
        dead_units=len(dead),
        nearly_dead=tuple(nearly[:MOST_LISTED].tolist()),
        position=position,
        top=top,
        left=left,
        values=grid(values[top : top + rows, position, left : left + columns]),  # [B, T, C] → [rows, columns]
        contexts=tuple(texts(look.batch.contexts[top : top + rows], symbols)),
    )


def texts(contexts: Tensor, symbols: str) -> Iterator[str]:
    """Each of `contexts` [rows, context] as characters, the boundary as NUL."""
    known = "\0" + symbols
    return ("".join(known[number] for number in row) for row in contexts.tolist())
