"""The values of the hyperparameters that are chosen from a list, as the command line and saved runs spell them."""

from __future__ import annotations

from enum import StrEnum


class Norm(StrEnum):
    """BATCH_BUG has statistics for each position of a window, as in the lecture before its correction."""

    BATCH = "batch"
    BATCH_BUG = "batch-bug"
    NONE = "none"


class OptimizerKind(StrEnum):
    """MUON is for the hidden matrices; the other parameters are left to AdamW."""

    SGD = "sgd"
    ADAMW = "adamw"
    MUON = "muon"


class Schedule(StrEnum):
    """How the learning rate falls; formulas in `engine.optim.lr_schedule`."""

    STEP = "step"
    COSINE = "cosine"
    ONE_CYCLE = "one-cycle"


class Batches(StrEnum):
    """What `batch_size` counts: WINDOWS drawn with replacement, or NAMES with all their positions."""

    WINDOWS = "windows"
    NAMES = "names"


class Targets(StrEnum):
    """POOLED: the distribution of the next character over all training names with the same prefix."""

    SAMPLED = "sampled"
    POOLED = "pooled"


class StepKind(StrEnum):
    """FAST: forward and backward by hand, on the CPU; PLAIN: autograd."""

    FAST = "fast"
    PLAIN = "plain"


class Precision(StrEnum):
    """Of the big matrix products."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Device(StrEnum):
    """AUTO: the accelerator if there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class Repeats(StrEnum):
    """ONCE: of a word that occurs several times only the first is used; done before the split."""

    KEEP = "keep"
    ONCE = "once"
