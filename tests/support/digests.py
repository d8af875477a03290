"""SHA-256 of what a run leaves on disk and prints, and the digests expected of it on each machine.

Only the command line, the files of a run and the standard library are used, and torch to name the machine, so that
these digests can be compared before and after any change of the program's own modules.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

DIGESTS = Path(__file__).with_name("digests.json")


TIMES = ("run", "created", "seconds", "training_seconds", "steps_per_second")
"""What differs from run to run in the record and in the result of `train --json`."""


Tensors = dict[str, tuple[str, list[int], bytes]]
"""Data type, shape and content of each tensor by its name."""


def program(home: Path, *words: str) -> str:
    """Run a command with its data in `home`, and return what it prints on stdout."""
    done = subprocess.run(
        [sys.executable, "-m", "charwave_tui", *words],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "CHARWAVE_HOME": str(home)},
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def newest_save(home: Path, run: int) -> Path:
    """The path of the newest weights of a run."""
    return max((home / "data" / "runs" / f"{run:04}").glob("save-*.safetensors"))


def read_safetensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    """The tensors and the metadata in a file; see the format in the README of safetensors."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    metadata = header.pop("__metadata__")
    data = content[8 + size :]
    return {
        name: (item["dtype"], item["shape"], data[slice(*item["data_offsets"])]) for name, item in header.items()
    }, metadata


def sha256_of_json(value: Any) -> str:
    """The digest of a value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def sha256_of_tensors(tensors: Tensors, names: Iterable[str]) -> str:
    """The digest of some tensors: names, data types, shapes and bits."""
    digest = hashlib.sha256()
    for name in sorted(names):
        dtype, shape, content = tensors[name]
        digest.update(f"{name} {dtype} {shape}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    """A record, or a result of `train --json`, without what differs from run to run."""
    return {name: value for name, value in record.items() if name not in TIMES}


def digests_of_save(path: Path) -> dict[str, Any]:
    """The digests of a save: of its weights, of the optimizer's state, and of all that is kept beside them."""
    tensors, metadata = read_safetensors(path)
    optimizer = [name for name in tensors if name.startswith("optimizer.")]
    weights = [name for name in tensors if name.startswith("layers.")]
    others = [name for name in tensors if name not in {*optimizer, *weights}]
    assert weights
    return {
        "tensors": len(tensors),
        "weights": sha256_of_tensors(tensors, weights),
        "optimizer": sha256_of_tensors(tensors, optimizer),
        "batches": sha256_of_tensors(tensors, others),
        "record": sha256_of_json(without_times(json.loads(metadata["record"]))),
        "standing": sha256_of_json(json.loads(metadata["standing"])),
    }


def machine() -> dict[str, str]:
    """What the bits of a run depend on beside its configuration."""
    import torch

    facts = _cpu_facts()
    instructions = sorted(re.findall(r"\b(?:sse\w*|avx\w*|amx\w*|fma|f16c|asimd\w*|sve\w*|bf16)\b", facts))
    model = re.search(r"^model name\s*:\s*(.+)$", facts, re.MULTILINE)
    return {
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "processor": model[1] if model else platform.processor(),
        "instructions": sha256_of_json(instructions)[:12],
    }


def _cpu_facts() -> str:
    """The lines of the first processor in /proc/cpuinfo, nothing where there is no such file."""
    try:
        return Path("/proc/cpuinfo").read_text("utf-8").partition("\n\n")[0]
    except OSError:
        return ""


def expected(name: str, script: str) -> dict[str, Any]:
    """The digests of `name` on this machine; where there are none, skip the test."""
    known = json.loads(DIGESTS.read_text("utf-8"))
    here = known.get(sha256_of_json(machine())[:12], {}).get("digests", {})
    if name not in here:
        pytest.skip(
            f"there are no digests of {name} for this machine, torch included: "
            f"write them with `python {script} --write` at a commit that is known to be right"
        )
    found: dict[str, Any] = here[name]
    return found


def write(made: dict[str, dict[str, Any]]) -> None:
    """Keep digests as those of this machine."""
    known = json.loads(DIGESTS.read_text("utf-8")) if DIGESTS.is_file() else {}
    key = sha256_of_json(machine())[:12]
    digests = known.get(key, {}).get("digests", {})
    known[key] = {"machine": machine(), "digests": {**digests, **made}}
    DIGESTS.write_text(json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
