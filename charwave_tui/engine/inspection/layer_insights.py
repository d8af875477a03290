"""One function per kind of layer; histogram; matrices for the wire."""

from __future__ import annotations

import ctypes
import math
import sys
import unicodedata
from array import array
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from charwave_tui.core.corpus import Corpus
from charwave_tui.core.protocol.float_matrix import EMPTY_MATRIX, WIDTH, FloatMatrix
from charwave_tui.core.protocol.layer_insights import (
    MAX_LISTED_UNITS,
    ActivationInsight,
    AnyInsight,
    BatchNormInsight,
    EmbeddingInsight,
    Histogram,
    InsightQuery,
    LinearInsight,
    OutputInsight,
    TreeInsight,
    TreeLevel,
    can_compute_singular_values,
)
from charwave_tui.engine.inspection.probe import LayerCapture, saturated_share_per_unit
from charwave_tui.engine.model.architecture import ModelStructure
from charwave_tui.engine.model.hooks import forward_hooks, looking
from charwave_tui.engine.model.layers import (
    BATCHNORM_EPS,
    Activation,
    BatchNorm1d,
    Embedding,
    FlattenConsecutive,
    FlattenDilated,
    Linear,
    Sequential,
)
from charwave_tui.engine.training.trainer import Trainer

FOLLOWING = 8
"""Ids that are told of what may come next."""


def tree_insight(model: Sequential, corpus: Corpus, context: int, text: str) -> TreeInsight:
    """The insight into how a `model` of so long a `context` sees the end of `text`, in eval mode."""
    symbols = set(corpus.symbols)
    typed = unicodedata.normalize("NFC", text)
    known = "".join(symbol for symbol in typed if symbol in symbols)
    unknown = "".join(dict.fromkeys(symbol for symbol in typed if symbol not in symbols))
    seen = known[max(len(known) - context, 0) :].rjust(context, "\0")
    ids = [0] * seen.count("\0") + corpus.encode(seen.lstrip("\0"))
    made: list[Tensor] = []

    def keep(layer: nn.Module, inputs: object, output: Tensor) -> None:
        if isinstance(layer, Activation):
            made.append(output)

    with looking(model, training=False), forward_hooks(model, keep):
        logits = model(torch.tensor([ids], device=next(model.parameters()).device))  # [1, context] → [1, V]
    following: tuple[tuple[int, float], ...] = ()
    if logits.isfinite().all():
        likely = logits[0].softmax(0).topk(min(FOLLOWING, corpus.vocab_size))
        following = tuple(zip(likely.indices.tolist(), likely.values.tolist(), strict=True))
    return TreeInsight(seen, tuple(_levels(model, made, context)), unknown[:MAX_LISTED_UNITS], following)


def _levels(model: Sequential, made: list[Tensor], context: int) -> Iterator[TreeLevel]:
    places = [place for place, layer in enumerate(model.layers) if isinstance(layer, Activation)]
    reaches = [(place, place) for place in range(context)]
    for place, output, level in zip(places, made, ModelStructure.of(model).levels, strict=True):
        strengths = output.square().mean(-1).sqrt().flatten()  # [1, T, C] or [1, C] → [T] or [1]
        reaches = _joined(reaches, level.flatten)
        yield TreeLevel(place, tuple(strengths.tolist()), tuple(reaches))


def _joined(reaches: list[tuple[int, int]], flatten: FlattenConsecutive | FlattenDilated) -> list[tuple[int, int]]:
    """What is reached from the positions of a level, by what is from those that it joins."""
    match flatten:
        case FlattenConsecutive(n=joined):
            pairs = zip(reaches[::joined], reaches[joined - 1 :: joined], strict=True)
        case FlattenDilated(dilation=dilation):
            pairs = zip(reaches[:-dilation], reaches[dilation:], strict=True)
    return [(first, last) for (first, _), (_, last) in pairs]


def to_float_matrix(numbers: Tensor) -> FloatMatrix:
    """A tensor of one dimension as one row, or of two as it is."""
    rows = numbers.detach() if numbers.ndim == 2 else numbers.detach().unsqueeze(0)  # [C] → [1, C]
    there = rows.to("cpu", torch.float32).contiguous()
    content = ctypes.string_at(there.data_ptr(), there.numel() * WIDTH) if there.numel() else b""
    if sys.byteorder == "big":
        swapped = array("f", content)
        swapped.byteswap()
        content = swapped.tobytes()
    return FloatMatrix(there.shape[0], there.shape[1], content)


def clip_window(first: int, count: int, there: int, most: int) -> tuple[int, int]:
    """Where a window on `there` things begins and how many it has: as wanted, as far as they go and `most` allow."""
    size = min(max(count, 0), there, most)
    return min(max(first, 0), there - size), size


BINS = 64
"""Bins of a histogram: an even number, so that 0 lies between two."""


MAX_RMS_SPAN = 5.0
"""Root mean squares from 0 that the bins reach at the most; no more than 1 in 25 numbers lies beyond (Chebyshev)."""


ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""What the bound is a power of ten of, so that it stays put while the numbers move a little."""


LEAST = 1e-30
"""The least bound: numbers of 32 bits below it are hardly told apart."""


def histogram(numbers: Tensor) -> Histogram:
    """The spread of all `numbers` over bounds that lie evenly about 0: the largest one's size or REACH, rounded up."""
    flat = numbers.detach().flatten()
    mean = flat.mean().item()
    std = flat.std().item() if len(flat) > 1 else math.nan
    finite = flat[flat.isfinite()]
    if not len(finite):
        return Histogram(0.0, 0.0, (), mean, std)
    bound = _bound(finite)
    counts = torch.histc(finite / bound, BINS, -1, 1)  # [N] → [BINS]
    densities = counts.cpu().double() * (BINS / (2 * bound * len(finite)))
    return Histogram(-bound, bound, tuple(densities.tolist()), mean, std)


def _bound(finite: Tensor) -> float:
    largest = finite.abs().max().item()
    if largest == 0:
        return 1.0
    if largest <= LEAST:
        return LEAST
    # by the largest one, for squares of small numbers are 0
    square = (finite / largest).square().mean().item()
    return _rounded_up(largest * min(1.0, MAX_RMS_SPAN * math.sqrt(square)))


def _rounded_up(size: float) -> float:
    power = 10.0 ** math.floor(math.log10(size))
    up = next(power * step for step in ROUND if power * step >= size or step == ROUND[-1])
    return min(up, torch.finfo(torch.float32).max)


MAX_MATRIX_ROWS, MAX_MATRIX_COLUMNS = 512, 1_024
"""The most rows and columns of the heat map."""


def linear_insight(look: LayerCapture, lens: InsightQuery, layer: Linear) -> LinearInsight:
    """The insight into `layer`, which is the one at `lens.layer`."""
    weight, gradient = layer.weight.detach(), look.parameter_grads[lens.layer]
    fan_in, fan_out = weight.shape
    return LinearInsight(
        fan_in=fan_in,
        fan_out=fan_out,
        weight=histogram(weight),
        gradient=None if gradient is None else histogram(gradient),
        heat=to_float_matrix(
            max_abs_pool(weight, min(lens.rows, MAX_MATRIX_ROWS), min(lens.columns, MAX_MATRIX_COLUMNS))
        ),
        row_norms=to_float_matrix(torch.linalg.vector_norm(weight, dim=1)),  # [fan_in, fan_out] → [fan_in]
        column_norms=to_float_matrix(torch.linalg.vector_norm(weight, dim=0)),  # [fan_in, fan_out] → [fan_out]
        singular_values=_singular_values(weight) if lens.singular else EMPTY_MATRIX,
    )


def max_abs_pool(matrix: Tensor, rows: int, columns: int) -> Tensor:
    """`matrix` in at most `rows` × `columns` blocks of one size, the last ones smaller: of each the largest number.

    The largest by its size, with its sign; NaN where there is one.
    """
    tall, wide = (_block(there, most) for there, most in zip(matrix.shape, (rows, columns), strict=True))
    height, width = (-(-there // block) for there, block in zip(matrix.shape, (tall, wide), strict=True))
    # zeros, which are never larger in size, fill the last blocks up
    padded = functional.pad(matrix, (0, width * wide - matrix.shape[1], 0, height * tall - matrix.shape[0]))
    blocks = padded.view(height, tall, width, wide)  # [H·h, W·w] → [H, h, W, w]
    high, low = blocks.amax((1, 3)), blocks.amin((1, 3))  # [H, h, W, w] → [H, W]
    return torch.where(high >= -low, high, low)


def _block(there: int, most: int) -> int:
    """The least size of blocks with which `there` things come to as few as the size for `most` of them would give."""
    return math.ceil(there / math.ceil(there / math.ceil(there / max(most, 1))))


def _singular_values(weight: Tensor) -> FloatMatrix:
    if not can_compute_singular_values(*weight.shape):
        return EMPTY_MATRIX
    there = weight.cpu()  # where the decomposition is at home, whatever the device
    if not there.isfinite().all():
        return to_float_matrix(torch.full((min(there.shape),), math.nan))
    return to_float_matrix(torch.linalg.svdvals(there))


NEARLY = 0.9
"""A unit that is stuck for a larger share of examples than this is nearly dead."""


MAX_EXAMPLES, MAX_UNITS = 512, 1_024
"""The most examples and units of a window, which keeps an answer within two megabytes."""


def activation_insight(look: LayerCapture, lens: InsightQuery, symbols: str) -> ActivationInsight:
    """The insight into the activation at `lens.layer`; ids from 1 stand for `symbols`."""
    out = look.outputs[lens.layer]
    values = out.unsqueeze(1) if out.ndim == 2 else out  # [B, C] → [B, 1, C]
    examples, positions, units = values.shape
    stuck = saturated_share_per_unit(look.layers[lens.layer], out)
    shares = torch.zeros(units) if stuck is None else stuck.cpu()
    dead = (shares == 1).nonzero().flatten()  # [units] → [dead units]
    nearly = ((shares > NEARLY) & (shares < 1)).nonzero().flatten()
    position = min(max(lens.position, 0), positions - 1)
    top, rows = clip_window(lens.top, lens.rows, examples, MAX_EXAMPLES)
    left, columns = clip_window(lens.left, lens.columns, units, MAX_UNITS)
    gradient = look.output_grads[lens.layer]
    return ActivationInsight(
        output=histogram(out),
        gradient=None if gradient is None else histogram(gradient),
        examples=examples,
        positions=positions,
        units=units,
        dead=tuple(dead[:MAX_LISTED_UNITS].tolist()),
        dead_units=len(dead),
        nearly_dead=tuple(nearly[:MAX_LISTED_UNITS].tolist()),
        position=position,
        top=top,
        left=left,
        values=to_float_matrix(
            values[top : top + rows, position, left : left + columns]
        ),  # [B, T, C] → [rows, columns]
        contexts=tuple(decode_contexts(look.batch.contexts[top : top + rows], symbols)),
    )


def decode_contexts(contexts: Tensor, symbols: str) -> Iterator[str]:
    """Each of `contexts` [rows, context] as characters, the boundary as NUL."""
    known = "\0" + symbols
    return ("".join(known[number] for number in row) for row in contexts.tolist())


MAX_UNIT_COLUMNS = 1_024
"""The most units of a window."""


def batchnorm_insight(look: LayerCapture, lens: InsightQuery, layer: BatchNorm1d) -> BatchNormInsight:
    """The insight into `layer`, which is the one at `lens.layer`.

    The batch's statistics that the running ones are compared with are those that the layer itself takes: with the norm
    batch-bug each position's own. EPSILON is added to variances, as the layer does.
    """
    came = look.inputs[lens.layer]
    assert came is not None
    x = came.unsqueeze(1) if came.ndim == 2 else came  # [B, C] → [B, 1, C]
    examples, positions, units = x.shape
    flat = x.flatten(0, 1)  # [B, T, C] → [B·T, C]
    mean, var = flat.mean(0), flat.var(0)  # [B·T, C] → [C]
    position_mean, position_var = x.mean(0), x.var(0)  # [B, T, C] → [T, C]
    own_mean, own_var = (position_mean, position_var) if layer.running_mean.ndim == 2 else (mean, var)
    mean_apart = (layer.running_mean - own_mean).abs() / (own_var + BATCHNORM_EPS).sqrt()
    var_apart = ((layer.running_var + BATCHNORM_EPS) / (own_var + BATCHNORM_EPS)).log10().abs()
    left, columns = clip_window(lens.left, lens.columns, units, MAX_UNIT_COLUMNS)
    seen = slice(left, left + columns)
    return BatchNormInsight(
        units=units,
        positions=positions,
        examples=examples,
        left=left,
        gamma=to_float_matrix(layer.gamma[seen]),
        beta=to_float_matrix(layer.beta[seen]),
        running_mean=to_float_matrix(layer.running_mean[..., seen]),
        running_var=to_float_matrix(layer.running_var[..., seen]),
        batch_mean=to_float_matrix(mean[seen]),
        batch_var=to_float_matrix(var[seen]),
        position_mean=to_float_matrix(position_mean[:, seen]),
        position_var=to_float_matrix(position_var[:, seen]),
        mean_apart=mean_apart.mean().item(),
        var_apart=var_apart.mean().item(),
    )


NEIGHBOURS = 10
"""Neighbours of a character that are told."""


def embedding_insight(lens: InsightQuery, layer: Embedding) -> EmbeddingInsight:
    """The insight into `layer`."""
    points = layer.weight.detach().to("cpu").double()  # where the decomposition is at home, whatever the device
    count, dimensions = points.shape
    plane, shares = principal_components(points)
    symbol = min(max(lens.symbol, 0), count - 1)
    distances = torch.linalg.vector_norm(points - points[symbol], dim=1)  # [V, C] → [V]
    distances[symbol] = -1  # the character itself comes first, wherever others lie
    order = distances.argsort(stable=True)[1 : NEIGHBOURS + 1]
    return EmbeddingInsight(
        dimensions=dimensions,
        plane=to_float_matrix(plane),
        shares=shares,
        symbol=symbol,
        neighbours=tuple(order.tolist()),
        distances=tuple(distances[order].tolist()),
    )


def principal_components(points: Tensor) -> tuple[Tensor, tuple[float, float]]:
    """The first two principal components of `points` [N, C] on the CPU, [N, 2], and their shares of the variance.

    By the singular values of the centred points; the point farthest out along an axis lies on its positive side.
    """
    centred = points - points.mean(0)
    if not centred.isfinite().all():
        return torch.full((len(points), 2), math.nan), (math.nan, math.nan)
    _, sizes, axes = torch.linalg.svd(centred, full_matrices=False)
    flat = centred @ axes[:2].T  # [N, C] @ [C, 2] → [N, 2]
    plane = torch.zeros((len(points), 2), dtype=points.dtype)
    plane[:, : flat.shape[1]] = flat  # there is one axis alone where C or N is 1
    farthest = plane.gather(0, plane.abs().argmax(0, keepdim=True))  # [N, 2] → [1, 2]
    squares = sizes.square()
    shares = [*(squares / squares.sum()).nan_to_num(0.0).tolist(), 0.0]
    return torch.where(farthest < 0, -plane, plane), (shares[0], shares[1])


def layer_insight(trainer: Trainer, look: LayerCapture, lens: InsightQuery) -> AnyInsight:
    """The insight into the layer at `lens.layer` of the trainer's model, which `look` was taken at as it is now."""
    layer = look.layers[lens.layer]
    match layer:
        case Activation():
            return activation_insight(look, lens, trainer.corpus.symbols)
        case Linear():
            return linear_insight(look, lens, layer)
        case BatchNorm1d():
            return batchnorm_insight(look, lens, layer)
        case Embedding():
            return embedding_insight(lens, layer)
        case FlattenConsecutive() | FlattenDilated():
            return tree_insight(trainer.model, trainer.corpus, trainer.config.context, lens.text)
    return OutputInsight(histogram(look.outputs[lens.layer]))
