"""Training, sampling and inspecting give the same bits as before.

`python tests/e2e/test_digests.py --write` writes the digests that are expected on this machine. Do that only at a
commit that is known to be right, or where a change of the bits is meant.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.digests import digests_of_save, expected, newest_save, program, sha256_of_json, without_times, write

SCRIPT = "tests/e2e/test_digests.py"


CORPUS = "imena"
"""A corpus that comes with the program."""


SAMPLING = ("-n", "30", "--seed", "11", "--temperature", "1.1", "--top-p", "0.98", "--shortest", "2")


def settings(**values: Any) -> tuple[str, ...]:
    """Hyperparameters as options of the command line."""
    return tuple(word for name, value in values.items() for word in ("--set", f"{name}={value}"))


GATED = settings(
    context=6,
    dilations="1 1 2 1",
    n_embd=6,
    n_hidden=12,
    activation="gated",
    init_gain=1.2,
    output_scale=0.2,
    warmup=0.2,
    weight_decay=0.5,
    drop_context=0.1,
    drop_path=0.2,
    eval_every=60,
)


ALL_OPTIONS = settings(
    optimizer="muon",
    lr=0.02,
    schedule="one-cycle",
    batches="names",
    targets="pooled",
    batch_size=32,
    precision="bfloat16",
    seed=7,
)
"""With GATED as many options at once as can be: both dropouts, muon, one-cycle, words, pooled targets, bfloat16."""


PLAIN = settings(
    optimizer="sgd", lr=0.05, lr_drop=0.5, momentum=0.9, batches="names", norm="none", step="plain", batch_size=16
)
"""With GATED: autograd's step, biases in place of BatchNorm, and momentum, which the optimizers above have not."""


LECTURE_BUG = settings(
    fuse="2 2 2",
    n_embd=6,
    n_hidden=12,
    norm="batch-bug",
    activation="gelu",
    optimizer="adamw",
    lr=0.003,
    schedule="cosine",
    weight_decay=0.1,
    drop_context=0.1,
    eval_every=40,
)


CONFIGS = {
    "tree-76k": ("--preset", "tree-76k", "--steps", "300"),
    # 300 take 20 seconds on two slow cores
    "charwave-quick": ("--preset", "charwave-quick", "--steps", "100"),
    "all-options": (*GATED, *ALL_OPTIONS, "--steps", "300"),
}
"""Runs that are trained, sampled and inspected."""


TRAINED_ONLY = {
    "plain-momentum": (*GATED, *PLAIN, "--steps", "100"),
    "batch-bug-adamw": (*LECTURE_BUG, "--steps", "100"),
}
"""Runs for the branches that those above do not take; only their training is compared."""


SMALLEST = "batch-bug-adamw"


def train(home: Path, options: tuple[str, ...]) -> tuple[int, dict[str, Any]]:
    """Train a run; its number and the digests of its training, with the losses in plain numbers."""
    fixed = settings(threads=1, device="cpu")
    result = json.loads(program(home, "train", "--corpus", CORPUS, *fixed, *options, "--json"))
    digests = digests_of_save(newest_save(home, result["run"]))
    return result["run"], {**digests, "result": without_times(result)}


def digests_of(home: Path, name: str) -> dict[str, Any]:
    """Train, sample and inspect a run of that name."""
    if name in TRAINED_ONLY:
        return train(home, TRAINED_ONLY[name])[1]
    run, digests = train(home, CONFIGS[name])
    chosen = ("--run", str(run), "--json")
    with ThreadPoolExecutor() as threads:  # most of it is the import of torch
        names = threads.submit(program, home, "sample", *SAMPLING, *chosen)
        layers = threads.submit(program, home, "inspect", *chosen)
    return {
        **digests,
        "first_name": json.loads(names.result())[0]["name"],
        "names": sha256_of_json(json.loads(names.result())),
        "inspect": sha256_of_json(json.loads(layers.result())),
    }


@pytest.mark.parametrize("name", [*CONFIGS, *TRAINED_ONLY])
def test_run_has_same_bits_as_before(name: str, tmp_path: Path) -> None:
    kept = expected(name, SCRIPT)
    assert digests_of(tmp_path, name) == kept


def test_training_twice_gives_same_bits(tmp_path: Path) -> None:
    first, second = (train(tmp_path, TRAINED_ONLY[SMALLEST]) for _ in range(2))
    assert (first[0], second[0]) == (1, 2)
    assert first[1] == second[1]


def main() -> None:
    """Write the digests that are expected on this machine."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--write", action="store_true", required=True, help="replace those that there are")
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write({name: digests_of(Path(folder), name) for name in (*CONFIGS, *TRAINED_ONLY)})


if __name__ == "__main__":
    main()
