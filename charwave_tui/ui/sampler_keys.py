"""Every key of the sampler's screen once: what it does, how the key bar and the help name it."""

from __future__ import annotations

from charwave_tui.ui.commands import EVERYWHERE, MOUSE, Key
from charwave_tui.ui.glyphs import GLYPHS

_TURN = (
    Key("tab", "want('turn', 1)", "Mode", "the next mode, shift+tab the one before"),
    Key("shift+tab", "want('turn', -1)", "Mode", "", shown=False),
)
_HELP = Key("question_mark", "want('help')", "Help", "", display="?")
_LEAVE = (
    Key("ctrl+c", "want('leave')", "Done", "", shown=False),
    *EVERYWHERE,
)
_TYPING = (*_TURN, _HELP, Key("escape", "want('leave')", "Done", "back to the lab", display="esc"), *_LEAVE)
_READING = (
    *_TURN,
    _HELP,
    Key("q", "want('leave')", "Done", "back to the lab", display="esc"),
    Key("escape", "want('leave')", "Done", "", shown=False),
    Key("n", "want('leave')", "Done", "", shown=False),
    MOUSE,
    *_LEAVE,
)
_WALK = (
    Key("up", "walk(-1)", "Choose", "walk the list", display="↑↓"),
    Key("down", "walk(1)", "Choose", "", shown=False),
    Key("pageup", "page(-1)", "Choose", "", shown=False),
    Key("pagedown", "page(1)", "Choose", "", shown=False),
    Key("home", "walk(-1000000)", "Choose", "", shown=False),
    Key("end", "walk(1000000)", "Choose", "", shown=False),
)
_AGAIN = Key("g", "again", "Again", "draw names again, from the next seed where these are of this very step")
_COPY = Key("y", "copy", "Copy", "copy the name under the cursor through the terminal, also over SSH")
_KEEP = (
    Key("Y", "copy_all", "Copy all", "copy all names", shown=False),
    Key("w", "save", "Save", "save all names to a file: text, CSV or JSON by its ending"),
)
_STAR = Key("s", "star", "Star", f"star the name ({GLYPHS.star}), or let it go; starred names are kept for good")

NAMES_KEYS = (
    *_WALK,
    Key("left", "set('down')", "Nudge", "the setting's next value down or up", display="←→"),
    Key("right", "set('up')", "Nudge", "", shown=False),
    Key("enter", "set('edit')", "Edit", "type the setting's value; enter takes it, esc leaves it"),
    Key("backspace", "set('usual')", "Usual", "the setting's usual value", shown=False),
    Key("1", "side('settings')", "Pane", "go to the settings, or to the names", display="1-2"),
    Key("2", "side('names')", "Pane", "", shown=False),
    _AGAIN,
    _STAR,
    _COPY,
    *_KEEP,
    *_READING,
)
"""The keys of the names and their settings."""

STEP_KEYS = (
    Key("up", "walk(-1)", "Choose", "choose a character", display="↑↓"),
    _WALK[1],
    Key("pageup", "walk(-10)", "Choose", "", shown=False),
    Key("pagedown", "walk(10)", "Choose", "", shown=False),
    Key("enter", "take", "Take", "put the chosen character behind the prefix; `end` ends the name"),
    Key("space", "roll", "Roll", "let chance choose at the temperature; the same seed rolls the same again"),
    Key("backspace", "undo('one')", "Back one", "take back the last character", display=GLYPHS.erase),
    Key("left", "warm(-1)", "Temp", "roll at a lower or a higher temperature", display="←→"),
    Key("right", "warm(1)", "Temp", "", shown=False),
    Key("ctrl+u", "undo('all')", "Anew", "begin a name anew", shown=False, display="^u"),
    *_TYPING,
)
"""The keys of a name made step by step, where letters are typed."""

SCORE_KEYS = (
    Key("enter", "score", "Score", "score the word that is typed"),
    Key("up", "walk(-1)", "Choose", "walk the words scored so far", display="↑↓"),
    *_WALK[1:4],
    Key("backspace", "undo('one')", "Back one", "take back the last character", display=GLYPHS.erase),
    Key("ctrl+u", "undo('all')", "Clear", "take back all that is typed", shown=False, display="^u"),
    *_TYPING,
)
"""The keys of scoring, where letters are typed."""

TIMELINE_KEYS = (
    Key("left", "walk(-1)", "Scrub", "to the evaluation before, or the next", display="←→"),
    Key("right", "walk(1)", "Scrub", "", shown=False),
    Key("pageup", "page(-1)", "Scrub", "", shown=False),
    Key("pagedown", "page(1)", "Scrub", "", shown=False),
    Key("home", "walk(-1000000)", "First", "to the first evaluation"),
    Key("end", "walk(1000000)", "Last", "to the last one, and on with each that comes"),
    *_KEEP,
    *_READING,
)
"""The keys of the timeline."""

COMPARE_KEYS = (
    Key("c", "choose", "Run", "choose the run to compare with"),
    Key("enter", "choose", "Run", "", shown=False),
    _AGAIN,
    *_KEEP,
    *_READING,
)
"""The keys of the comparison with another run."""

STARRED_KEYS = (
    *_WALK,
    Key("s", "star", "Unstar", "let the name go; once more stars it again, while it is still shown"),
    Key("u", "unstar", "Unstar", "", shown=False),
    _COPY,
    *_KEEP,
    *_READING,
)
"""The keys of the starred names."""
