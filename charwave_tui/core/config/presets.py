"""The presets of assets/presets.toml: tested configs, with published losses where there are any."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from charwave_tui.core.config.choices import Repeats
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.registry import LECTURE_SHA256
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import asset_path

RUN_ONLY_FIELDS = ("corpus", "seed", "device")  # choosing a preset leaves them as they are


@dataclass(frozen=True, slots=True)
class Published:
    """Losses reported elsewhere for a preset on the lecture's names, in nats per character."""

    source: str
    parameters: int
    train: float | None = None
    val: float | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Preset:
    """A validated config with a reason for it; in a lesson, `look_for` says what to observe."""

    name: str
    why: str
    config: RunConfig
    published: Published | None
    look_for: str = ""

    @property
    def about(self) -> str:
        return f"{self.why} {self.look_for}".rstrip()

    def merged_into(self, config: RunConfig) -> RunConfig:
        """Return the preset's config with the corpus, seed and device of `config`."""
        return self.config.with_values({name: getattr(config, name) for name in RUN_ONLY_FIELDS})


@cache
def presets() -> dict[str, Preset]:
    """Return every preset by name, the default first."""
    table = tomllib.loads(asset_path("presets.toml").read_text("utf-8"))
    loaded = {}
    for name, entry in table.items():
        published = entry.pop("published", None)
        why, look_for = entry.pop("why"), entry.pop("look_for", "")
        config = RunConfig.from_dict(entry)
        loaded[name] = Preset(name, why, config, Published(**published) if published else None, look_for)
    return loaded


def published_losses(name: str, config: RunConfig, sha256: str) -> Published | None:
    """Return what was published for a run of preset `name`: None on other words or splits than the lecture's."""
    preset = presets().get(name)
    is_lecture_split = sha256 == LECTURE_SHA256 and config.repeats == Repeats.KEEP
    return preset.published if preset is not None and is_lecture_split else None


def default_preset() -> Preset:
    """Return the preset that the playground opens with."""
    return next(iter(presets().values()))


def get_preset(name: str) -> Preset:
    """Return the preset of that name. Raises UserError for an unknown one."""
    if name not in presets():
        raise UserError(f"preset {name} is unknown", f"there are {', '.join(presets())}")
    return presets()[name]
