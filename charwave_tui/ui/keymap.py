"""The keys of all screens, panes and dialogs: action, label in the key bar, line in the help."""

from __future__ import annotations

from textual.binding import Binding

from charwave_tui.ui.terminal.glyphs import GLYPHS

TO_END = 1_000_000  # more rows than any list has


def key(
    key: str, action: str, description: str, help: str, *, show: bool = True, display: str | None = None
) -> Binding:
    """Return a binding whose tooltip is its line in the help; empty if it is obvious, or another key has it."""
    return Binding(
        key, action, description, show=show, key_display=display or key, tooltip=help, id=f"{action} on {key}"
    )


REPAINT = key(
    "ctrl+l",
    "app.repaint",
    "Repaint",
    "repaint the screen, if something else has written to it",
    show=False,
    display="^l",
)

SCREENSHOT = key(
    "ctrl+s",
    "app.picture",
    "Screenshot",
    "save the screen as an SVG file in the current folder",
    show=False,
    display="^s",
)

GLOBAL_KEYS = (SCREENSHOT, REPAINT)

MOUSE = key(
    "m",
    "app.mouse",
    "Mouse",
    "give the mouse to the terminal to select and copy text; again takes it back",
    show=False,
)

# available while no editor is open, as all keys below
LAB_KEYS = (
    key(
        "t",
        "control_run('train')",
        "Train",
        "train a new run with the form's config; the old curve stays as the ghost",
    ),
    key(
        "space",
        "control_run('pause')",
        "Pause",
        "pause training between two steps, or resume it; also resumes an unfinished run",
    ),
    key(
        "full_stop",
        "control_run('step')",
        "Step",
        "train one step, then pause; without a run, start one",
        display=".",
    ),
    key("x", "control_run('stop')", "Stop", "stop the run, evaluate it and save it"),
    key("c", "control_run('extend')", "Extend", "train a finished run for as many steps again", show=False),
    key(
        "0",
        "control_run('reset')",
        "Reset",
        "back to the same initial weights, paused; the curve so far becomes the ghost",
        show=False,
    ),
    key(
        "w",
        "control_run('rewind')",
        "Rewind",
        "rewind a diverged run to its last good checkpoint and train on with a third of its lr",
    ),
    key("g", "names", "Names", "sample names from the current model, also while it trains"),
    key(
        "f",
        "what_if",
        "What if",
        "train a new run with one deliberate fault: gain, BatchNorm, last layer or lr",
        show=False,
    ),
    key("n", "sampler", "Sampler", "sample names, step by step, score a word, timeline, compare runs, starred names"),
    key("i", "inspect", "Inspect", "inspect the layer under the cursor of the table (enter there)", show=False),
    key("r", "runs", "Runs", "all runs: open, resume, fork, compare, delete"),
    key(
        "e",
        "control_run('evaluate')",
        "Evaluate",
        "evaluate the whole train, val and test splits now",
        show=False,
    ),
    key("l", "log", "Scale", "the loss on a log or a linear scale", show=False),
    key("1", "pane('form')", "Pane", "go to a pane: hyperparameters, loss, layers, names", display="1-4"),
    key("2", "pane('loss')", "Loss", "", show=False),
    key("3", "pane('layers')", "Layers", "", show=False),
    key("4", "pane('names')", "Names", "", show=False),
    key("z", "zoom", "Zoom", "the focused pane alone, or all four again"),
    MOUSE,
    key("question_mark", "help", "Help", "the keys and a glossary", display="?"),
    key("q", "quit", "Quit", "quit; a run in training can continue in the background"),
    key("ctrl+c", "quit", "Quit", "", show=False, display="^c"),
    *GLOBAL_KEYS,
)

FORM_KEYS = (
    key("up", "walk(-1)", "Up", "move through the fields", show=False, display="↑ ↓"),
    key("down", "walk(1)", "Down", "", show=False),
    key("enter", "edit", "Edit", "type a value, or choose from a list; enter applies it, esc cancels"),
    key(
        "left",
        "step_value(-1)",
        "Change",
        "the next lower or higher value",
        display="←→",
    ),
    key("right", "step_value(1)", "Change", "", show=False),
    key("backspace", "revert", "Preset's value", "back to the preset's value", display=GLYPHS.backspace),
    key("home", f"walk(-{TO_END})", "First", "", show=False),
    key("end", f"walk({TO_END})", "Last", "", show=False),
    key("pageup", "leap(-1)", "Group up", "", show=False),
    key("pagedown", "leap(1)", "Group down", "", show=False),
)

LAYERS_KEYS = (key("o", "sort", "Sort", ""),)

LAYER_TABLE_KEYS = (
    key("enter", "select_cursor", "Inspect", ""),
    key("home", "scroll_top", "First", "", show=False),
    key("end", "scroll_bottom", "Last", "", show=False),
)

NAMES_PANE_KEYS = (
    key("left", "select(-1)", "Field", "", display="←→"),
    key("right", "select(1)", "Field", "", show=False),
    key("up", "step_value(1)", "Change", "", display="↑↓"),
    key("down", "step_value(-1)", "Change", "", show=False),
    key("enter", "edit", "Edit", ""),
    key("pagedown", "turn(1)", "More names", "", show=False),
    key("pageup", "turn(-1)", "Names before", "", show=False),
)

EDITOR_KEYS = (
    key("enter", "submit", "Apply", ""),
    key("tab,shift+tab", "submit", "Apply", "", show=False),
    key("escape", "leave", "Cancel", "", display="esc"),
)

HELP_KEYS = (
    key("escape,question_mark,q,enter,ctrl+c", "dismiss", "Close", ""),
    key("g", "guide", "Guide", ""),
    key("down,j", "scroll(1)", "Down", "", show=False),
    key("up,k", "scroll(-1)", "Up", "", show=False),
    key("pagedown,space", "scroll(10)", "Page down", "", show=False),
    key("pageup", "scroll(-10)", "Page up", "", show=False),
)

PICK_KEYS = (
    key("up", "move(-1)", "Up", "", show=False),
    key("down", "move(1)", "Down", "", show=False),
    key("pageup", "move(-5)", "Five up", "", show=False),
    key("pagedown", "move(5)", "Five down", "", show=False),
    key("escape", "cancel", "Cancel", "", display="esc"),
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
    key("tab", "request('next_mode')", "Mode", "the next mode, shift+tab the previous one"),
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
    key("up", "move_cursor(-1)", "Choose", "move through the list", display="↑↓"),
    key("down", "move_cursor(1)", "Choose", "", show=False),
    key("pageup", "page(-1)", "Choose", "", show=False),
    key("pagedown", "page(1)", "Choose", "", show=False),
    key("home", f"move_cursor(-{TO_END})", "Choose", "", show=False),
    key("end", f"move_cursor({TO_END})", "Choose", "", show=False),
)

_AGAIN = key("g", "resample", "Again", "sample again, with the next seed if the model is still at the same step")

_COPY = key("y", "screen.copy", "Copy", "copy the name under the cursor through the terminal, also over SSH")

_KEEP = (
    key("Y", "screen.copy_all", "Copy all", "copy all names", show=False),
    key("w", "screen.save", "Save", "save all names to a file: text, CSV or JSON by its extension"),
)

_STAR = key("s", "star", "Star", f"star the name ({GLYPHS.star}), or remove its star; starred names are stored")

NAMES_KEYS = (
    *_LIST,
    key("left", "edit_setting('down')", "Change", "the setting's next lower or higher value", display="←→"),
    key("right", "edit_setting('up')", "Change", "", show=False),
    key("enter", "edit_setting('edit')", "Edit", "type the setting's value; enter applies it, esc cancels"),
    key("backspace", "edit_setting('default')", "Default", "the setting's default value", show=False),
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
    key("enter", "append_character", "Append", "append the chosen character to the prefix; `end` ends the name"),
    key("space", "roll", "Sample", "sample a character at the temperature; the same seed samples the same one again"),
    key("backspace", "undo('one')", "Delete", "delete the last character", display=GLYPHS.backspace),
    key("left", "step_temperature(-1)", "Temp", "a lower or a higher temperature", display="←→"),
    key("right", "step_temperature(1)", "Temp", "", show=False),
    key("ctrl+u", "undo('all')", "Clear", "start a new name", show=False, display="^u"),
    *_TYPING,
)

# letters are typed text here
SCORE_KEYS = (
    key("enter", "score", "Score", "score the typed word"),
    key("up", "move_cursor(-1)", "Choose", "move through the scored words", display="↑↓"),
    *_LIST[1:4],
    key("backspace", "undo('one')", "Delete", "delete the last character", display=GLYPHS.backspace),
    key("ctrl+u", "undo('all')", "Clear", "delete the whole word", show=False, display="^u"),
    *_TYPING,
)

TIMELINE_KEYS = (
    key("left", "move_cursor(-1)", "Scrub", "the previous or the next evaluation", display="←→"),
    key("right", "move_cursor(1)", "Scrub", "", show=False),
    key("pageup", "page(-1)", "Scrub", "", show=False),
    key("pagedown", "page(1)", "Scrub", "", show=False),
    key("home", f"move_cursor(-{TO_END})", "First", "the first evaluation"),
    key("end", f"move_cursor({TO_END})", "Last", "the last evaluation, and then each new one"),
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
    key("s", "star", "Unstar", "remove the star; again restores it while the name is shown"),
    key("u", "unstar", "Unstar", "", show=False),
    _COPY,
    *_KEEP,
    *_READING,
)

INSPECTOR_KEYS = (
    key("tab", "tab(1)", "Tab", "the next tab of the layer's view; shift+tab the previous one"),
    key("shift+tab", "tab(-1)", "Tab", "", show=False),
    key("down", "layer(1)", "Layer", "the next or the previous layer", display="↑↓"),
    key("up", "layer(-1)", "Layer", "", show=False),
    key("h", "move('h')", "Left", "the cursor to the left or right, also ← →", display="hl"),
    key("l", "move('l')", "Right", "", show=False),
    key("left", "move('h')", "Left", "", show=False),
    key("right", "move('l')", "Right", "", show=False),
    key("j", "move('j')", "Down", "the cursor down or up", display="jk"),
    key("k", "move('k')", "Up", "", show=False),
    key("p", "move('p')", "Next", "the cursor to the next position; P the previous one"),
    key("P", "move('P')", "Previous", "", show=False),
    key("slash", "type", "Type", "type a context for the tree; also enter", display="/"),
    key("enter", "type", "Type", "", show=False),
    key("a", "explain", "About", "explain each statistic and its usual range in turn; then none"),
    key("space", "control_run('pause')", "Pause", "pause training between two steps, or resume it"),
    key("full_stop", "control_run('step')", "Step", "train one step, then pause, to see its effect", display="."),
    key("b", "batch", "Batch", "the number of examples in the batch: 32, 128, 512 or 2,048"),
    key("n", "seed", "Seed", "other examples: the next seed of the batch"),
    key("question_mark", "request('help')", "Help", "", display="?"),
    key("q", "request('back')", "Back", "back to the lab", display="esc"),
    key("escape", "request('back')", "Back", "", show=False),
    key("i", "request('back')", "Back", "", show=False),
    key("ctrl+c", "request('back')", "Back", "", show=False),
    MOUSE,
    *GLOBAL_KEYS,
)

RUN_KEYS = (
    key("up,k", "move_cursor(-1)", "Up", "", show=False),
    key("down,j", "move_cursor(1)", "Down", "", show=False),
    key("pageup", "page(-1)", "Page up", "", show=False),
    key("pagedown", "page(1)", "Page down", "", show=False),
    key("home", f"move_cursor(-{TO_END})", "First", "", show=False),
    key("end", f"move_cursor({TO_END})", "Last", "", show=False),
    key("enter", "command('open')", "Open", "open the run in the lab"),
    key("space", "command('resume')", "Resume", "resume training a run that has steps left"),
    key("c", "toggle_chosen", "Compare", "choose up to four runs to compare; again removes the run"),
    key("f", "command('fork')", "Fork", "a new run, paused, with the current weights of this one"),
    key("d", "command('delete')", "Delete", "delete the run; u restores it"),
    key("u", "restore", "Undo", "restore the run that was deleted last, then the one before"),
    key(
        "slash",
        "edit('filter')",
        "Filter",
        "only runs whose number, name, preset, note, corpus or state match",
        display="/",
    ),
    key("s", "sort", "Sort", "by newest, best val, most steps or preset"),
    key("n", "edit('name')", "Rename", "name the run"),
    key("m", "edit('note')", "Note", "write a note on the run"),
    key(
        "v",
        "request('other_pane')",
        "Other pane",
        "switch between differences and curves on a narrow screen",
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
