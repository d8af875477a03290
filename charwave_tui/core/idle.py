"""Which fields of a config play no part in it, and why: they are kept, so that they count again with another mix."""

from __future__ import annotations

from charwave_tui.core.config import RunConfig


def idle(config: RunConfig) -> dict[str, str]:
    """The fields without effect, each with what leaves it out: `{"lr_drop": "not with cosine"}`.

    A field that is forbidden by another is not idle: `RunConfig.checked` raises on it.
    """
    causes = {
        "fuse": "dilations" if config.dilations else "",
        "drop_path": "" if len(config.dilations) > 1 else "1 level" if config.dilations else "fuse",
        "momentum": config.optimizer if config.optimizer != "sgd" else "",
        "targets": "windows" if config.batches == "windows" else "",
        "lr_drop": config.schedule if config.schedule != "step" else "",
        "warmup": config.schedule if config.schedule == "step" else "",
        "precision": config.step if config.step == "plain" and config.precision == "float32" else "",
    }
    return {name: f"not with {cause}" for name, cause in causes.items() if cause}
