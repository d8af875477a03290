"""The recipes: all that the lecture has, sound, with sizes that agree with what was published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from charwave_tui.core.config.choices import Repeats
from charwave_tui.core.config.layer_shapes import parameter_count
from charwave_tui.core.config.presets import default_preset, get_preset, presets, published_losses
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.registry import LECTURE_SHA256
from charwave_tui.core.errors import UserError

LECTURE_VOCABULARY = 27


LECTURE = {"mlp-3", "mlp-8", "tree-22k-bug", "tree-22k", "tree-76k", "tree-76k-b64", "tree-287k"}


def test_lecture_presets_follow_the_default() -> None:
    names = list(presets())
    assert set(names[1:]) >= LECTURE
    assert default_preset() is get_preset(names[0])
    assert names[0] not in LECTURE


@pytest.mark.parametrize("name", list(presets()))
def test_preset_is_valid_with_reason_and_keeps_run_fields(name: str) -> None:
    found = get_preset(name)
    assert found.name == name
    assert found.config.validated() is found.config
    assert found.why.endswith(".")
    for field in ("corpus", "seed", "device"):
        assert getattr(found.config, field) == getattr(RunConfig(), field)


@pytest.mark.parametrize("name", sorted(LECTURE))
def test_published_parameter_count_equals_built_model(name: str) -> None:
    found = get_preset(name)
    assert found.published is not None
    assert parameter_count(found.config, LECTURE_VOCABULARY) == found.published.parameters
    assert found.published.source


def test_preset_keeps_corpus_seed_and_device() -> None:
    mine = replace(RunConfig(), corpus="imena", repeats=Repeats.ONCE, seed=7, threads=2, device="cpu", lr=0.5)
    applied = get_preset("tree-76k").merged_into(mine)
    assert applied == replace(get_preset("tree-76k").config, corpus="imena", seed=7, device="cpu")
    assert applied.threads == 1


def test_published_losses_hold_for_lecture_words_and_split_alone() -> None:
    preset, config = get_preset("tree-76k"), get_preset("tree-76k").config
    assert config.repeats == "keep"
    assert published_losses("tree-76k", config, LECTURE_SHA256) is preset.published
    assert published_losses("tree-76k", config, "0" * 64) is None
    assert published_losses("tree-76k", replace(config, repeats=Repeats.ONCE), LECTURE_SHA256) is None
    assert published_losses("charwave", config, LECTURE_SHA256) is None
    assert published_losses("of another version", config, LECTURE_SHA256) is None


def test_unknown_preset_refused_with_known_ones() -> None:
    with pytest.raises(UserError, match="preset tree-1m is unknown; there are playground, mlp-3"):
        get_preset("tree-1m")
