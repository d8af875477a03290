"""The keys that the key bar and the help list, per screen: action, label, help line.

Keys that only one pane binds for its cursor are in that pane.
"""

from __future__ import annotations

from textual.binding import Binding

from charwave_tui.ui.terminal.glyphs import GLYPHS


def key(
    key: str, action: str, description: str, help: str, *, show: bool = True, display: str | None = None
) -> Binding:
    """Return a binding whose tooltip is its line in the help, empty if the line of another key covers it."""
    return Binding(
        key, action, description, show=show, key_display=display or key, tooltip=help, id=f"{action} on {key}"
    )


REPAINT = key(
    "ctrl+l",
    "app.repaint",
    "Repaint",
    "paint the screen anew, where something else has written on it",
    show=False,
    display="^l",
)


SCREENSHOT = key(
    "ctrl+s",
    "app.picture",
    "Picture",
    "save what is on the screen as SVG, where you started the program",
    show=False,
    display="^s",
)


GLOBAL_KEYS = (SCREENSHOT, REPAINT)


MOUSE = key(
    "m", "app.mouse", "Mouse", "the mouse to the terminal, which then selects and copies; again, back", show=False
)


# available while no editor is open, as all keys below
LAB_KEYS = (
    key("t", "control_run('train')", "Train", "train a new run of the form's config; the old one stays as the ghost"),
    key(
        "space",
        "control_run('pause')",
        "Pause",
        "hold training between two steps, or go on; also with an unfinished run",
    ),
    key(
        "full_stop",
        "control_run('step')",
        "Step",
        "one step, then hold; without a run, make one and take its first",
        display=".",
    ),
    key("x", "control_run('stop')", "Stop", "end the run, evaluate it and save it"),
    key("c", "control_run('extend')", "Longer", "train a finished run on for as many steps again", show=False),
    key(
        "0",
        "control_run('reset')",
        "Reset",
        "back to the same first weights, held; the curve so far becomes the ghost",
        show=False,
    ),
    key(
        "w",
        "control_run('rewind')",
        "Rewind",
        "a diverged run back to its last good save, then on with a third of its lr",
    ),
    key("g", "names", "Names", "draw names from the model as it is, also while it trains"),
    key(
        "f",
        "what_if",
        "What if",
        "spoil one thing on purpose in a new run: gain, BatchNorm, last layer, lr",
        show=False,
    ),
    key("n", "sampler", "Sampler", "talk to the model: names, step by step, score a word, timeline, compare, starred"),
    key("i", "inspect", "Inspect", "look inside the layer under the cursor of the table (enter there)", show=False),
    key("r", "runs", "Runs", "all runs: open, go on with, fork, compare, delete"),
    key(
        "e",
        "control_run('evaluate')",
        "Evaluate",
        "measure train, val and test over their whole splits now",
        show=False,
    ),
    key("l", "log", "Scale", "the loss on a log or a linear scale", show=False),
    key("1", "pane('form')", "Pane", "go to a pane: hyperparameters, loss, layers, names", display="1-4"),
    key("2", "pane('loss')", "Loss", "", show=False),
    key("3", "pane('layers')", "Layers", "", show=False),
    key("4", "pane('names')", "Names", "", show=False),
    key("z", "zoom", "Zoom", "the focused pane alone, or all four again"),
    MOUSE,
    key("question_mark", "help", "Help", "the keys, and what the words mean", display="?"),
    key("q", "quit", "Quit", "leave; a run in training goes on, if you like"),
    key("ctrl+c", "quit", "Quit", "", show=False, display="^c"),
    *GLOBAL_KEYS,
)


GUIDE_KEYS = (
    key("g", "choose_page", "Pages", "choose a page of the guide"),
    key("t", "toggle_contents", "Contents", "show or hide the table of contents"),
    key("tab", "app.focus_next", "Focus", "to the table of contents, or back to the page"),
    key("backspace", "previous_page", "Previous", "back to the page before", display=GLYPHS.backspace),
    key("j", "scroll(1)", "Down", "", show=False),
    key("k", "scroll(-1)", "Up", "", show=False),
    key("space", "scroll(10)", "Page down", "", show=False),
    key("q", "leave", "Close", "", display="esc"),
    key("escape", "leave", "Close", "", show=False),
    key("ctrl+c", "leave", "Close", "", show=False),
    MOUSE,
    *GLOBAL_KEYS,
)


_TURN = (
    key("tab", "request('next_mode')", "Mode", "the next mode, shift+tab the one before"),
    key("shift+tab", "request('previous_mode')", "Mode", "", show=False),
)


_HELP = key("question_mark", "request('help')", "Help", "", display="?")


_LEAVE = (
    key("ctrl+c", "request('back')", "Done", "", show=False),
    *GLOBAL_KEYS,
)


_TYPING = (*_TURN, _HELP, key("escape", "request('back')", "Done", "back to the lab", display="esc"), *_LEAVE)


_READING = (
    *_TURN,
    _HELP,
    key("q", "request('back')", "Done", "back to the lab", display="esc"),
    key("escape", "request('back')", "Done", "", show=False),
    key("n", "request('back')", "Done", "", show=False),
    MOUSE,
    *_LEAVE,
)


_LIST = (
    key("up", "move_cursor(-1)", "Choose", "walk the list", display="↑↓"),
    key("down", "move_cursor(1)", "Choose", "", show=False),
    key("pageup", "page(-1)", "Choose", "", show=False),
    key("pagedown", "page(1)", "Choose", "", show=False),
    key("home", "move_cursor(-1000000)", "Choose", "", show=False),
    key("end", "move_cursor(1000000)", "Choose", "", show=False),
)


_AGAIN = key("g", "resample", "Again", "draw names again, from the next seed where these are of this very step")


_COPY = key("y", "copy", "Copy", "copy the name under the cursor through the terminal, also over SSH")


_KEEP = (
    key("Y", "copy_all", "Copy all", "copy all names", show=False),
    key("w", "save", "Save", "save all names to a file: text, CSV or JSON by its ending"),
)


_STAR = key("s", "star", "Star", f"star the name ({GLYPHS.star}), or let it go; starred names are kept for good")


NAMES_KEYS = (
    *_LIST,
    key("left", "edit_setting('down')", "Nudge", "the setting's next value down or up", display="←→"),
    key("right", "edit_setting('up')", "Nudge", "", show=False),
    key("enter", "edit_setting('edit')", "Edit", "type the setting's value; enter takes it, esc leaves it"),
    key("backspace", "edit_setting('default')", "Usual", "the setting's usual value", show=False),
    key("1", "select_pane('settings')", "Pane", "go to the settings, or to the names", display="1-2"),
    key("2", "select_pane('names')", "Pane", "", show=False),
    _AGAIN,
    _STAR,
    _COPY,
    *_KEEP,
    *_READING,
)


# letters are typed text here
STEP_KEYS = (
    key("up", "move_cursor(-1)", "Choose", "choose a character", display="↑↓"),
    _LIST[1],
    key("pageup", "move_cursor(-10)", "Choose", "", show=False),
    key("pagedown", "move_cursor(10)", "Choose", "", show=False),
    key("enter", "append_character", "Take", "put the chosen character behind the prefix; `end` ends the name"),
    key("space", "roll", "Roll", "let chance choose at the temperature; the same seed rolls the same again"),
    key("backspace", "undo('one')", "Back one", "take back the last character", display=GLYPHS.backspace),
    key("left", "step_temperature(-1)", "Temp", "roll at a lower or a higher temperature", display="←→"),
    key("right", "step_temperature(1)", "Temp", "", show=False),
    key("ctrl+u", "undo('all')", "Anew", "begin a name anew", show=False, display="^u"),
    *_TYPING,
)


# letters are typed text here
SCORE_KEYS = (
    key("enter", "score", "Score", "score the word that is typed"),
    key("up", "move_cursor(-1)", "Choose", "walk the words scored so far", display="↑↓"),
    *_LIST[1:4],
    key("backspace", "undo('one')", "Back one", "take back the last character", display=GLYPHS.backspace),
    key("ctrl+u", "undo('all')", "Clear", "take back all that is typed", show=False, display="^u"),
    *_TYPING,
)


TIMELINE_KEYS = (
    key("left", "move_cursor(-1)", "Scrub", "to the evaluation before, or the next", display="←→"),
    key("right", "move_cursor(1)", "Scrub", "", show=False),
    key("pageup", "page(-1)", "Scrub", "", show=False),
    key("pagedown", "page(1)", "Scrub", "", show=False),
    key("home", "move_cursor(-1000000)", "First", "to the first evaluation"),
    key("end", "move_cursor(1000000)", "Last", "to the last one, and on with each that comes"),
    *_KEEP,
    *_READING,
)


COMPARE_KEYS = (
    key("c", "choose_run", "Run", "choose the run to compare with"),
    key("enter", "choose_run", "Run", "", show=False),
    _AGAIN,
    *_KEEP,
    *_READING,
)


STARRED_KEYS = (
    *_LIST,
    key("s", "star", "Unstar", "let the name go; once more stars it again, while it is still shown"),
    key("u", "unstar", "Unstar", "", show=False),
    _COPY,
    *_KEEP,
    *_READING,
)


INSPECTOR_KEYS = (
    key("tab", "tab(1)", "Part", "the next part of the layer's view; shift+tab the one before"),
    key("shift+tab", "tab(-1)", "Part", "", show=False),
    key("down", "layer(1)", "Layer", "the next layer, the one before", display="↑↓"),
    key("up", "layer(-1)", "Layer", "", show=False),
    key("h", "move('h')", "Left", "the cursor to the left or right, also ← →", display="hl"),
    key("l", "move('l')", "Right", "", show=False),
    key("left", "move('h')", "Left", "", show=False),
    key("right", "move('l')", "Right", "", show=False),
    key("j", "move('j')", "Down", "the cursor down or up", display="jk"),
    key("k", "move('k')", "Up", "", show=False),
    key("p", "move('p')", "Next", "the cursor to the next place; P the one before"),
    key("P", "move('P')", "Before", "", show=False),
    key("slash", "type", "Type", "a context of your own, for the tree; also enter", display="/"),
    key("enter", "type", "Type", "", show=False),
    key("a", "explain", "About", "what a figure means and what is healthy of it, one after another; then none"),
    key("space", "control_run('pause')", "Pause", "hold training between two steps, or go on"),
    key("full_stop", "control_run('step')", "Step", "one step, then hold, to watch what it does", display="."),
    key("b", "batch", "Batch", "how many examples are looked at: 32, 128, 512 or 2,048"),
    key("n", "seed", "Draw", "other examples: the next seed of the batch that is looked at"),
    key("question_mark", "request('help')", "Help", "", display="?"),
    key("q", "request('back')", "Back", "back to the lab", display="esc"),
    key("escape", "request('back')", "Back", "", show=False),
    key("i", "request('back')", "Back", "", show=False),
    key("ctrl+c", "request('back')", "Back", "", show=False),
    MOUSE,
    *GLOBAL_KEYS,
)


RUN_KEYS = (
    key("enter", "command('open')", "Open", "look at the run in the lab"),
    key("space", "command('resume')", "Resume", "go on training a run that has more to do"),
    key("c", "toggle_chosen", "Compare", "choose the run to be compared with others, up to four, or let it go"),
    key("f", "command('fork')", "Fork", "the same from here: a new run, held, with the weights that this one has now"),
    key("d", "command('delete')", "Delete", "take the run off the list; it can be brought back"),
    key("u", "restore", "Undo", "bring back the run that was deleted last, then the one before"),
    key(
        "slash",
        "edit('filter')",
        "Filter",
        "runs whose number, name, preset, note, corpus or state match alone",
        display="/",
    ),
    key("s", "sort", "Sort", "the newest first, the best val, the most steps, or by preset"),
    key("n", "edit('name')", "Rename", "call the run something"),
    key("m", "edit('note')", "Note", "write down what is worth remembering of it"),
    key(
        "v",
        "request('other_pane')",
        "Other pane",
        "what differs, or the curves, where there is room for one of them",
        show=False,
    ),
    key("l", "request('log_scale')", "Scale", "the losses on a log or a linear scale", show=False),
    key("question_mark", "request('help')", "Help", "", display="?"),
    key("q", "request('back')", "Back", "back to the lab", display="esc"),
    key("escape", "request('back')", "Back", "", show=False),
    key("r", "request('back')", "Back", "", show=False),
    key("ctrl+c", "request('back')", "Back", "", show=False),
    *GLOBAL_KEYS,
)
