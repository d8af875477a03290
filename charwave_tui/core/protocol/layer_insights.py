"""What the view of one layer shows, measured on the probe's fixed batch: frozen values, and how they are asked for."""

from __future__ import annotations

import msgspec

from charwave_tui.core.protocol.float_matrix import EMPTY_MATRIX, FloatMatrix

MAX_LISTED_UNITS = 64
"""The most units that are listed by number; there may be more."""


class ProbeBatch(msgspec.Struct, frozen=True):
    """Which examples the layers are looked at with: so many of the training split, drawn with `seed`.

    None stands for the run's own seed. Where the split has fewer, all of them.
    """

    examples: int = 512
    seed: int | None = None


class InsightQuery(msgspec.Struct, frozen=True):
    """Which layer is looked at, and the part of it that the screen has room for.

    `layer` is its place in the model from 0. Of what it puts out, `position` is one of a 3-D output from 0 (the last
    one where there are fewer), `top` and `left` are the first example and unit, `rows` and `columns` how many of each.
    `symbol` is the id whose neighbours are wanted, `text` what was typed for the tree; `singular` asks for singular
    values, which take longer than all the rest.
    """

    layer: int
    position: int = 0
    top: int = 0
    left: int = 0
    rows: int = 64
    columns: int = 256
    symbol: int = 0
    text: str = ""
    singular: bool = False


class Histogram(msgspec.Struct, frozen=True):
    """How numbers are spread: the share of the finite ones in each of equal bins over low … high, by the bin's width.

    A density: times the bin's width it adds up to 1, but for what lies outside. `mean` and `std` are of all numbers,
    NaN and infinite ones included; no bin where there is no finite number.
    """

    low: float
    high: float
    densities: tuple[float, ...]
    mean: float
    std: float


class ActivationInsight(msgspec.Struct, frozen=True, tag=True):
    """What an activation puts out: [examples, positions, units].

    `dead` and `nearly_dead` are units that are saturated (|h| > 0.99; for ReLU: 0) for every example, or for over 90 %
    of them, at all positions together: at most MOST_LISTED each, `dead_units` counts them all. `values` is the window
    of the lens at its position, examples down and units across, with the context of each of its examples: a character
    a place, the boundary as NUL.
    """

    output: Histogram
    gradient: Histogram | None
    examples: int
    positions: int
    units: int
    dead: tuple[int, ...]
    dead_units: int
    nearly_dead: tuple[int, ...]
    position: int
    top: int
    left: int
    values: FloatMatrix
    contexts: tuple[str, ...]


class LinearInsight(msgspec.Struct, frozen=True, tag=True):
    """A weight matrix [fan_in, fan_out] and the loss's gradient by it.

    `heat` is the matrix in at most as many rows and columns as the lens has room for: of each block of numbers the one
    of the largest size, with its sign. `row_norms` and `column_norms` are Euclidean, all of them, in one row;
    `singular_values` are all of them, largest first, where asked for and where the matrix is not too large.
    """

    fan_in: int
    fan_out: int
    weight: Histogram
    gradient: Histogram | None
    heat: FloatMatrix
    row_norms: FloatMatrix
    column_norms: FloatMatrix
    singular_values: FloatMatrix = EMPTY_MATRIX


class BatchNormInsight(msgspec.Struct, frozen=True, tag=True):
    """A BatchNorm1d: one row each of what it keeps and what the batch has, for the units left … left + columns.

    `gamma` to `batch_var` have one row; with the norm batch-bug `running_mean` and `running_var` have one a position.
    `position_mean` and `position_var` are what averaging over the batch dimension alone gives, [positions, units]: the
    bug keeps those. `mean_apart` is the mean over all units of |running − batch mean| by the batch's std, `var_apart`
    that of |log10(running var / batch var)|; both with the layer's epsilon on each variance.
    """

    units: int
    positions: int
    examples: int
    left: int
    gamma: FloatMatrix
    beta: FloatMatrix
    running_mean: FloatMatrix
    running_var: FloatMatrix
    batch_mean: FloatMatrix
    batch_var: FloatMatrix
    position_mean: FloatMatrix
    position_var: FloatMatrix
    mean_apart: float
    var_apart: float


MOST_SINGULAR, MOST_NUMBERS = 1_024, 2**22
"""How many singular values, and numbers, a matrix may have for them to be worked out: they take a second."""


def can_compute_singular_values(fan_in: int, fan_out: int) -> bool:
    """Whether a matrix is small enough for its singular values to be worked out."""
    return min(fan_in, fan_out) <= MOST_SINGULAR and fan_in * fan_out <= MOST_NUMBERS


class EmbeddingInsight(msgspec.Struct, frozen=True, tag=True):
    """The characters as points: `plane` [vocabulary, 2] are their first two principal components, id 0 the boundary.

    `shares` are those of the variance that the two show. `neighbours` are the ids nearest to the lens's `symbol` in all
    dimensions, nearest first, and their Euclidean distances.
    """

    dimensions: int
    plane: FloatMatrix
    shares: tuple[float, float]
    symbol: int
    neighbours: tuple[int, ...]
    distances: tuple[float, ...]


class TreeLevel(msgspec.Struct, frozen=True):
    """One level of the tree: `layer` is the place of its activation in the model, one strength a position.

    The strength is the root mean square over the units of what the activation puts out, in eval mode. `reaches` has for
    each position the first and last place of the context that it sees.
    """

    layer: int
    strengths: tuple[float, ...]
    reaches: tuple[tuple[int, int], ...]


class TreeInsight(msgspec.Struct, frozen=True, tag=True):
    """How a typed context meets in the levels: `context` is the window that the model sees, the boundary as NUL.

    `unknown` are characters of the text that the corpus does not have; the tree is then of what is left without them.
    `following` is the head's word: the likeliest ids to come next with their probabilities at temperature 1, likeliest
    first.
    """

    context: str
    levels: tuple[TreeLevel, ...]
    unknown: str = ""
    following: tuple[tuple[int, float], ...] = ()


class OutputInsight(msgspec.Struct, frozen=True, tag=True):
    """A layer that has no view of its own beyond the spread of what it puts out."""

    output: Histogram


AnyInsight = ActivationInsight | LinearInsight | BatchNormInsight | EmbeddingInsight | TreeInsight | OutputInsight
"""What the view of a layer may show."""
