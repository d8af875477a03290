"""Payloads of the inspector: the query, and one insight for each kind of layer, measured on the probe batch."""

from __future__ import annotations

import msgspec

from charwave_tui.core.protocol.float_matrix import EMPTY_MATRIX, FloatMatrix

MAX_LISTED_UNITS = 64
# Above either limit singular values would take longer than a second.
MAX_SINGULAR_VALUES, MAX_MATRIX_SIZE = 1_024, 2**22


class ProbeBatch(msgspec.Struct, frozen=True):
    """Which training examples the layers are probed with: `examples` of them (all, if there are fewer).

    `seed` None stands for the seed of the run.
    """

    examples: int = 512
    seed: int | None = None


class InsightQuery(msgspec.Struct, frozen=True):
    """Which layer to inspect, and the window of its output that fits the screen.

    `layer` is its index in the model. `position` selects one of a 3-D output [examples, positions, units] (the last,
    if there are fewer); the window begins at example `top` and unit `left` and has `rows` × `columns` values. `symbol`
    is the id whose nearest embeddings are wanted, `text` the context for the tree. `singular_values` requests those
    of a matrix, which take longer than everything else.
    """

    layer: int
    position: int = 0
    top: int = 0
    left: int = 0
    rows: int = 64
    columns: int = 256
    symbol: int = 0
    text: str = ""
    singular_values: bool = False


class Histogram(msgspec.Struct, frozen=True):
    """Densities of the finite values in equal bins over `low` … `high`; no bins if no value is finite.

    Densities times bin width sum to 1 minus the fraction outside. `mean` and `std` are those of all values, NaN and
    infinite ones included.
    """

    low: float
    high: float
    densities: tuple[float, ...]
    mean: float
    std: float


class ActivationInsight(msgspec.Struct, frozen=True, tag=True):
    """Output of an activation, [examples, positions, units].

    `dead` and `nearly_dead` are the first MAX_LISTED_UNITS units that are dead (|h| > DEAD_THRESHOLD; ReLU: 0) for
    every example and position, or for over 90 % of them; `dead_units` counts all dead ones. `values` is the window of
    the query, [rows, columns], at `position`; `contexts` are the input characters of its examples, boundary as NUL.
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
    """A weight matrix [fan_in, fan_out] and its gradient.

    `heatmap` is the matrix reduced to at most rows × columns of the query: the value of largest magnitude in each
    block. `row_norms` and `column_norms` are Euclidean, in one row; `singular_values` are sorted descending, empty if
    not requested or the matrix is too large.
    """

    fan_in: int
    fan_out: int
    weight: Histogram
    gradient: Histogram | None
    heatmap: FloatMatrix
    row_norms: FloatMatrix
    column_norms: FloatMatrix
    singular_values: FloatMatrix = EMPTY_MATRIX


class BatchNormInsight(msgspec.Struct, frozen=True, tag=True):
    """Parameters, running and batch statistics of a BatchNorm1d for the units left … left + columns.

    `gamma` to `batch_var` have one row; with norm batch-bug `running_mean` and `running_var` have one per position.
    `position_mean` and `position_var` [positions, units] average over the batch dimension only, as the bug does.
    `mean_deviation` is the mean over all units of |running mean − batch mean| / batch std, `var_deviation` that of
    |log10(running var / batch var)|, both with BATCHNORM_EPS added to each variance.
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
    mean_deviation: float
    var_deviation: float


def can_compute_singular_values(fan_in: int, fan_out: int) -> bool:
    """Return whether a matrix is small enough for its singular values to be computed."""
    return min(fan_in, fan_out) <= MAX_SINGULAR_VALUES and fan_in * fan_out <= MAX_MATRIX_SIZE


class EmbeddingInsight(msgspec.Struct, frozen=True, tag=True):
    """Embedding vectors: `projection` [vocabulary, 2] on their first two principal components, id 0 is the boundary.

    `explained_variance` are the fractions of these two. `neighbours` are the ids nearest to the query's `symbol` by
    Euclidean distance in all dimensions, nearest first, with their `distances`.
    """

    dimensions: int
    projection: FloatMatrix
    explained_variance: tuple[float, float]
    symbol: int
    neighbours: tuple[int, ...]
    distances: tuple[float, ...]


class TreeLevel(msgspec.Struct, frozen=True):
    """One level of the tree for one context; `layer` is the index of its activation in the model.

    `rms` has the root mean square of its output over the units for each position, in eval mode; `receptive_fields`
    the first and last index of the context that each position sees.
    """

    layer: int
    rms: tuple[float, ...]
    receptive_fields: tuple[tuple[int, int], ...]


class TreeInsight(msgspec.Struct, frozen=True, tag=True):
    """Activity of the levels for a typed context; `context` is the window that the model sees, boundary as NUL.

    `unknown` are characters of the text that are not in the corpus and were left out. `next_chars` are ids with their
    probabilities at temperature 1, most probable first.
    """

    context: str
    levels: tuple[TreeLevel, ...]
    unknown: str = ""
    next_chars: tuple[tuple[int, float], ...] = ()


class OutputInsight(msgspec.Struct, frozen=True, tag=True):
    """Output of a layer without a view of its own."""

    output: Histogram


AnyInsight = ActivationInsight | LinearInsight | BatchNormInsight | EmbeddingInsight | TreeInsight | OutputInsight
