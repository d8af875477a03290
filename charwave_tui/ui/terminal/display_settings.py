"""The theme and the glyphs that a user has chosen, kept from one start to the next."""

from __future__ import annotations

from pathlib import Path

import msgspec

from charwave_tui.core.paths import state_dir, write_user_file


class DisplaySettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """A `theme` without its prefix and a name of GLYPH_SETS; empty where the terminal decides."""

    theme: str = ""
    glyphs: str = ""


def settings_path() -> Path:
    return state_dir() / "display.json"


def load_display_settings() -> DisplaySettings:
    """Return the kept settings; the defaults where there are none that can be read."""
    try:
        return msgspec.json.decode(settings_path().read_bytes(), type=DisplaySettings)
    except (OSError, msgspec.DecodeError):
        return DisplaySettings()


def save_display_settings(settings: DisplaySettings) -> None:
    """Keep the settings. Raises UserError if they cannot be written."""
    write_user_file(settings_path(), msgspec.json.encode(settings))
