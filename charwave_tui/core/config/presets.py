"""Known-good recipes from assets/presets.toml, with their published figures and one sentence of why."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import asset_path

RUN_ONLY_FIELDS = ("corpus", "seed", "device")
"""Fields that are not a recipe's to say."""


@dataclass(frozen=True, slots=True)
class Published:
    """What others reported for a recipe on the lecture's names; losses in nats per character, None where not given."""

    source: str
    parameters: int
    train: float | None = None
    val: float | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Preset:
    """A recipe: a sound config with the default corpus, seed and device; of a lesson, `look_for` says what to see."""

    name: str
    why: str
    config: RunConfig
    published: Published | None
    look_for: str = ""

    @property
    def about(self) -> str:
        """Why it is there and what to see in it."""
        return f"{self.why} {self.look_for}".rstrip()

    def merged_into(self, config: RunConfig) -> RunConfig:
        """The recipe with the corpus, seed and device of `config`."""
        return self.config.with_values({name: getattr(config, name) for name in RUN_ONLY_FIELDS})


@cache
def presets() -> dict[str, Preset]:
    """Every preset by name, the default first."""
    table = tomllib.loads(asset_path("presets.toml").read_text("utf-8"))
    found = {}
    for name, entry in table.items():
        published = entry.pop("published", None)
        why, look_for = entry.pop("why"), entry.pop("look_for", "")
        config = RunConfig.from_dict(entry)
        found[name] = Preset(name, why, config, Published(**published) if published else None, look_for)
    return found


def default_preset() -> Preset:
    """The one that the playground opens with."""
    return next(iter(presets().values()))


def get_preset(name: str) -> Preset:
    """The preset of that name; raises Mistake with the names there are."""
    if name not in presets():
        raise UserError(f"preset {name} is unknown", f"there are {', '.join(presets())}")
    return presets()[name]
