"""Fields that play no part: which, why, and that what is left out really is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.config.layer_shapes import layer_shapes
from charwave_tui.core.config.run_config import HYPERPARAMETERS, RunConfig, unused_fields

TREE = RunConfig()


TREE_IDLE = {"drop_path": "not with fuse", "targets": "not with windows", "warmup": "not with step"}


STACK = RunConfig(dilations=(1, 1, 2, 1, 2), activation="gated", batches="names")


@pytest.mark.parametrize(
    ("config", "left_out"),
    [
        (TREE, TREE_IDLE),
        (replace(TREE, batches="names"), {"drop_path": "not with fuse", "warmup": "not with step"}),
        (STACK, {"fuse": "not with dilations", "warmup": "not with step"}),
        (replace(STACK, schedule="cosine"), {"fuse": "not with dilations", "lr_drop": "not with cosine"}),
        (replace(STACK, schedule="one-cycle"), {"fuse": "not with dilations", "lr_drop": "not with one-cycle"}),
        (replace(TREE, optimizer="muon"), TREE_IDLE | {"momentum": "not with muon"}),
        (replace(TREE, optimizer="adamw"), TREE_IDLE | {"momentum": "not with adamw"}),
        (replace(TREE, step="plain"), TREE_IDLE | {"precision": "not with plain"}),
    ],
)
def test_unused_field_named_with_cause(config: RunConfig, left_out: dict[str, str]) -> None:
    assert unused_fields(config) == left_out


def test_forbidden_value_is_user_error_not_unused() -> None:
    assert "precision" not in unused_fields(RunConfig(step="plain", precision="bfloat16"))


def test_unused_fuse_affects_neither_check_nor_model() -> None:
    other = replace(STACK, fuse=(5, 5))
    assert layer_shapes(other.validated(), 27) == layer_shapes(STACK.validated(), 27)


@given(st.from_type(RunConfig))
def test_unused_field_stays_unused_for_any_value(config: RunConfig) -> None:
    for name, why in unused_fields(config).items():
        kind = HYPERPARAMETERS[name].kind
        nudged = config.with_values({name: kind.step_by(getattr(config, name), 1)})
        assert name == "precision" or unused_fields(nudged)[name] == why
