"""The inspector's data for each kind of layer."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from charwave_tui.core.config.layer_shapes import BATCHNORM_EPS
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.protocol.float_matrix import EMPTY_MATRIX, FloatMatrix
from charwave_tui.core.protocol.layer_insights import (
    MAX_LISTED_UNITS,
    ActivationInsight,
    AnyInsight,
    BatchNormInsight,
    EmbeddingInsight,
    InsightQuery,
    LinearInsight,
    OutputInsight,
    TreeInsight,
    TreeLevel,
    can_compute_singular_values,
)
from charwave_tui.engine.inspection.probe import LayerCapture, saturated_fraction_per_unit
from charwave_tui.engine.inspection.tensor_summaries import (
    clip_window,
    histogram,
    max_abs_pool,
    principal_components,
    to_float_matrix,
)
from charwave_tui.engine.model.architecture import ModelStructure
from charwave_tui.engine.model.hooks import forward_hooks, module_mode
from charwave_tui.engine.model.layers import (
    Activation,
    BatchNorm1d,
    Embedding,
    FlattenConsecutive,
    FlattenDilated,
    Linear,
    Sequential,
)
from charwave_tui.engine.training.trainer import Trainer

TOP_PREDICTIONS = 8
MAX_MATRIX_ROWS, MAX_MATRIX_COLUMNS = 512, 1_024  # of a weight's heat map
MAX_EXAMPLES, MAX_UNITS = 512, 1_024  # of a window of outputs, so that a reply stays within two megabytes
NEARLY_DEAD_FRACTION = 0.9  # of the examples at which a nearly dead unit passes no gradient
NEIGHBOURS = 10  # of a character in the embedding


def layer_insight(trainer: Trainer, capture: LayerCapture, query: InsightQuery) -> AnyInsight:
    """Return the insight into the layer at `query.layer`; `capture` is of the trainer's model as it is now."""
    layer = capture.layers[query.layer]
    match layer:
        case Activation():
            return activation_insight(capture, query, trainer.corpus.symbols)
        case Linear():
            return linear_insight(capture, query, layer)
        case BatchNorm1d():
            return batchnorm_insight(capture, query, layer)
        case Embedding():
            return embedding_insight(query, layer)
        case FlattenConsecutive() | FlattenDilated():
            return tree_insight(trainer.model, trainer.corpus, trainer.config.context, query.text)
    return OutputInsight(histogram(capture.outputs[query.layer]))


def activation_insight(capture: LayerCapture, query: InsightQuery, symbols: str) -> ActivationInsight:
    out = capture.outputs[query.layer]
    values = out.unsqueeze(1) if out.ndim == 2 else out  # [B, C] → [B, 1, C]
    examples, positions, units = values.shape
    saturated = saturated_fraction_per_unit(capture.layers[query.layer], out)
    fractions = torch.zeros(units) if saturated is None else saturated.cpu()
    dead = (fractions == 1).nonzero().flatten()  # [units] → [dead units]
    nearly_dead = ((fractions > NEARLY_DEAD_FRACTION) & (fractions < 1)).nonzero().flatten()
    position = min(max(query.position, 0), positions - 1)
    top, rows = clip_window(query.top, query.rows, examples, MAX_EXAMPLES)
    left, columns = clip_window(query.left, query.columns, units, MAX_UNITS)
    gradient = capture.output_grads[query.layer]
    return ActivationInsight(
        output=histogram(out),
        gradient=None if gradient is None else histogram(gradient),
        examples=examples,
        positions=positions,
        units=units,
        dead=tuple(dead[:MAX_LISTED_UNITS].tolist()),
        dead_units=len(dead),
        nearly_dead=tuple(nearly_dead[:MAX_LISTED_UNITS].tolist()),
        position=position,
        top=top,
        left=left,
        # [B, T, C] → [rows, columns]
        values=to_float_matrix(values[top : top + rows, position, left : left + columns]),
        contexts=tuple(decode_contexts(capture.batch.contexts[top : top + rows], symbols)),
    )


def decode_contexts(contexts: Tensor, symbols: str) -> Iterator[str]:
    """Yield each of `contexts` [rows, context] as characters, the boundary as NUL."""
    characters = "\0" + symbols
    return ("".join(characters[symbol] for symbol in row) for row in contexts.tolist())


def linear_insight(capture: LayerCapture, query: InsightQuery, layer: Linear) -> LinearInsight:
    weight, gradient = layer.weight.detach(), capture.parameter_grads[query.layer]
    fan_in, fan_out = weight.shape
    rows, columns = min(query.rows, MAX_MATRIX_ROWS), min(query.columns, MAX_MATRIX_COLUMNS)
    return LinearInsight(
        fan_in=fan_in,
        fan_out=fan_out,
        weight=histogram(weight),
        gradient=None if gradient is None else histogram(gradient),
        heatmap=to_float_matrix(max_abs_pool(weight, rows, columns)),
        row_norms=to_float_matrix(torch.linalg.vector_norm(weight, dim=1)),  # [fan_in, fan_out] → [fan_in]
        column_norms=to_float_matrix(torch.linalg.vector_norm(weight, dim=0)),  # [fan_in, fan_out] → [fan_out]
        singular_values=_singular_values(weight) if query.singular_values else EMPTY_MATRIX,
    )


def _singular_values(weight: Tensor) -> FloatMatrix:
    if not can_compute_singular_values(*weight.shape):
        return EMPTY_MATRIX
    matrix = weight.cpu()  # the decomposition is slow, or missing, on other devices
    if not matrix.isfinite().all():
        return to_float_matrix(torch.full((min(matrix.shape),), math.nan))
    return to_float_matrix(torch.linalg.svdvals(matrix))


def batchnorm_insight(capture: LayerCapture, query: InsightQuery, layer: BatchNorm1d) -> BatchNormInsight:
    """Compare the running statistics with the batch's, which for batch-bug are each position's own."""
    layer_input = capture.inputs[query.layer]
    assert layer_input is not None
    x = layer_input.unsqueeze(1) if layer_input.ndim == 2 else layer_input  # [B, C] → [B, 1, C]
    examples, positions, units = x.shape
    flat = x.flatten(0, 1)  # [B, T, C] → [B·T, C]
    mean, var = flat.mean(0), flat.var(0)  # [B·T, C] → [C]
    position_mean, position_var = x.mean(0), x.var(0)  # [B, T, C] → [T, C]
    layer_mean, layer_var = (position_mean, position_var) if layer.running_mean.ndim == 2 else (mean, var)
    mean_apart = (layer.running_mean - layer_mean).abs() / (layer_var + BATCHNORM_EPS).sqrt()
    var_apart = ((layer.running_var + BATCHNORM_EPS) / (layer_var + BATCHNORM_EPS)).log10().abs()
    left, columns = clip_window(query.left, query.columns, units, MAX_UNITS)
    window = slice(left, left + columns)
    return BatchNormInsight(
        units=units,
        positions=positions,
        examples=examples,
        left=left,
        gamma=to_float_matrix(layer.gamma[window]),
        beta=to_float_matrix(layer.beta[window]),
        running_mean=to_float_matrix(layer.running_mean[..., window]),
        running_var=to_float_matrix(layer.running_var[..., window]),
        batch_mean=to_float_matrix(mean[window]),
        batch_var=to_float_matrix(var[window]),
        position_mean=to_float_matrix(position_mean[:, window]),
        position_var=to_float_matrix(position_var[:, window]),
        mean_deviation=mean_apart.mean().item(),
        var_deviation=var_apart.mean().item(),
    )


def embedding_insight(query: InsightQuery, layer: Embedding) -> EmbeddingInsight:
    vectors = layer.weight.detach().to("cpu").double()  # the decomposition is slow, or missing, on other devices
    count, dimensions = vectors.shape
    plane, variance_fractions = principal_components(vectors)
    symbol = min(max(query.symbol, 0), count - 1)
    distances = torch.linalg.vector_norm(vectors - vectors[symbol], dim=1)  # [V, C] → [V]
    distances[symbol] = -1  # so that the character itself comes first, even if others have the same vector
    order = distances.argsort(stable=True)[1 : NEIGHBOURS + 1]
    return EmbeddingInsight(
        dimensions=dimensions,
        projection=to_float_matrix(plane),
        explained_variance=variance_fractions,
        symbol=symbol,
        neighbours=tuple(order.tolist()),
        distances=tuple(distances[order].tolist()),
    )


def tree_insight(model: Sequential, corpus: Corpus, context: int, text: str) -> TreeInsight:
    """Return each level's activations, and the next-character predictions, for the end of `text` in eval mode."""
    alphabet = set(corpus.symbols)
    typed = unicodedata.normalize("NFC", text)
    known = "".join(symbol for symbol in typed if symbol in alphabet)
    unknown = "".join(dict.fromkeys(symbol for symbol in typed if symbol not in alphabet))
    window = known[max(len(known) - context, 0) :].rjust(context, "\0")
    ids = [0] * window.count("\0") + corpus.encode(window.lstrip("\0"))
    outputs: list[Tensor] = []

    def capture(layer: nn.Module, inputs: object, output: Tensor) -> None:
        if isinstance(layer, Activation):
            outputs.append(output)

    with module_mode(model, training=False), forward_hooks(model, capture):
        logits = model(torch.tensor([ids], device=next(model.parameters()).device))  # [1, context] → [1, V]
    predictions: tuple[tuple[int, float], ...] = ()
    if logits.isfinite().all():
        top = logits[0].softmax(0).topk(min(TOP_PREDICTIONS, corpus.vocab_size))
        predictions = tuple(zip(top.indices.tolist(), top.values.tolist(), strict=True))
    levels = tuple(_tree_levels(model, outputs, context))
    return TreeInsight(window, levels, unknown[:MAX_LISTED_UNITS], predictions)


def _tree_levels(model: Sequential, outputs: list[Tensor], context: int) -> Iterator[TreeLevel]:
    indices = [index for index, layer in enumerate(model.layers) if isinstance(layer, Activation)]
    receptive_fields = [(position, position) for position in range(context)]
    for index, output, level in zip(indices, outputs, ModelStructure.of(model).levels, strict=True):
        strengths = output.square().mean(-1).sqrt().flatten()  # [1, T, C] or [1, C] → [T] or [1]
        receptive_fields = _receptive_fields(receptive_fields, level.flatten)
        yield TreeLevel(index, tuple(strengths.tolist()), tuple(receptive_fields))


def _receptive_fields(
    previous: list[tuple[int, int]], flatten: FlattenConsecutive | FlattenDilated
) -> list[tuple[int, int]]:
    """Return the first and last character that each position of a level sees, from those of the previous level."""
    match flatten:
        case FlattenConsecutive(n=n):
            pairs = zip(previous[::n], previous[n - 1 :: n], strict=True)
        case FlattenDilated(dilation=dilation):
            pairs = zip(previous[:-dilation], previous[dilation:], strict=True)
    return [(first, last) for (first, _), (_, last) in pairs]
