"""The keys that the key bar and the help list, per screen: action, label, help line.

Keys that only one pane binds for its cursor are in that pane.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

from charwave_tui.ui.terminal.glyphs import GLYPHS


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """A key, the action of its screen, its name in the key bar and its line in the help.

    `help` is empty if the line of another key covers it; `show`: whether the key bar has it; `display`: how the key
    is written if not by its name.
    """

    key: str
    action: str
    name: str
    help: str
    show: bool = True
    display: str | None = None

    @property
    def is_in_palette(self) -> bool:
        return not self.action.startswith("pane") and not self.key.startswith("ctrl")

    @property
    def display_text(self) -> str:
        return self.display or self.key

    def binding(self) -> Binding:
        return Binding(
            self.key,
            self.action,
            self.name,
            show=self.show,
            key_display=self.display_text,
            id=f"{self.action} on {self.key}",
        )


REPAINT = KeyBinding(
    "ctrl+l",
    "app.repaint",
    "Repaint",
    "paint the screen anew, where something else has written on it",
    show=False,
    display="^l",
)


SCREENSHOT = KeyBinding(
    "ctrl+s",
    "app.picture",
    "Picture",
    "save what is on the screen as SVG, where you started the program",
    show=False,
    display="^s",
)


GLOBAL_KEYS = (SCREENSHOT, REPAINT)


MOUSE = KeyBinding(
    "m", "app.mouse", "Mouse", "the mouse to the terminal, which then selects and copies; again, back", show=False
)


# available while no editor is open, as all keys below
LAB_KEYS = (
    KeyBinding(
        "t", "control_run('train')", "Train", "train a new run of the form's config; the old one stays as the ghost"
    ),
    KeyBinding(
        "space",
        "control_run('pause')",
        "Pause",
        "hold training between two steps, or go on; also with an unfinished run",
    ),
    KeyBinding(
        "full_stop",
        "control_run('step')",
        "Step",
        "one step, then hold; without a run, make one and take its first",
        display=".",
    ),
    KeyBinding("x", "control_run('stop')", "Stop", "end the run, evaluate it and save it"),
    KeyBinding("c", "control_run('extend')", "Longer", "train a finished run on for as many steps again", show=False),
    KeyBinding(
        "0",
        "control_run('reset')",
        "Reset",
        "back to the same first weights, held; the curve so far becomes the ghost",
        show=False,
    ),
    KeyBinding(
        "w",
        "control_run('rewind')",
        "Rewind",
        "a diverged run back to its last good save, then on with a third of its lr",
    ),
    KeyBinding("g", "names", "Names", "draw names from the model as it is, also while it trains"),
    KeyBinding(
        "f",
        "what_if",
        "What if",
        "spoil one thing on purpose in a new run: gain, BatchNorm, last layer, lr",
        show=False,
    ),
    KeyBinding(
        "n", "sampler", "Sampler", "talk to the model: names, step by step, score a word, timeline, compare, starred"
    ),
    KeyBinding(
        "i", "inspect", "Inspect", "look inside the layer under the cursor of the table (enter there)", show=False
    ),
    KeyBinding("r", "runs", "Runs", "all runs: open, go on with, fork, compare, delete"),
    KeyBinding(
        "e",
        "control_run('evaluate')",
        "Evaluate",
        "measure train, val and test over their whole splits now",
        show=False,
    ),
    KeyBinding("l", "log", "Scale", "the loss on a log or a linear scale", show=False),
    KeyBinding("1", "pane('form')", "Pane", "go to a pane: hyperparameters, loss, layers, names", display="1-4"),
    KeyBinding("2", "pane('loss')", "Loss", "", show=False),
    KeyBinding("3", "pane('layers')", "Layers", "", show=False),
    KeyBinding("4", "pane('names')", "Names", "", show=False),
    KeyBinding("z", "zoom", "Zoom", "the focused pane alone, or all four again"),
    MOUSE,
    KeyBinding("question_mark", "help", "Help", "the keys, and what the words mean", display="?"),
    KeyBinding("q", "quit", "Quit", "leave; a run in training goes on, if you like"),
    KeyBinding("ctrl+c", "quit", "Quit", "", show=False, display="^c"),
    *GLOBAL_KEYS,
)


GUIDE_KEYS = (
    KeyBinding("g", "choose_page", "Pages", "choose a page of the guide"),
    KeyBinding("t", "toggle_contents", "Contents", "show or hide the table of contents"),
    KeyBinding("tab", "app.focus_next", "Focus", "to the table of contents, or back to the page"),
    KeyBinding("backspace", "previous_page", "Previous", "back to the page before", display=GLYPHS.backspace),
    KeyBinding("j", "scroll(1)", "Down", "", show=False),
    KeyBinding("k", "scroll(-1)", "Up", "", show=False),
    KeyBinding("space", "scroll(10)", "Page down", "", show=False),
    KeyBinding("q", "leave", "Close", "", display="esc"),
    KeyBinding("escape", "leave", "Close", "", show=False),
    KeyBinding("ctrl+c", "leave", "Close", "", show=False),
    MOUSE,
    *GLOBAL_KEYS,
)


_TURN = (
    KeyBinding("tab", "request('next_mode')", "Mode", "the next mode, shift+tab the one before"),
    KeyBinding("shift+tab", "request('previous_mode')", "Mode", "", show=False),
)


_HELP = KeyBinding("question_mark", "request('help')", "Help", "", display="?")


_LEAVE = (
    KeyBinding("ctrl+c", "request('back')", "Done", "", show=False),
    *GLOBAL_KEYS,
)


_TYPING = (*_TURN, _HELP, KeyBinding("escape", "request('back')", "Done", "back to the lab", display="esc"), *_LEAVE)


_READING = (
    *_TURN,
    _HELP,
    KeyBinding("q", "request('back')", "Done", "back to the lab", display="esc"),
    KeyBinding("escape", "request('back')", "Done", "", show=False),
    KeyBinding("n", "request('back')", "Done", "", show=False),
    MOUSE,
    *_LEAVE,
)


_LIST = (
    KeyBinding("up", "move_cursor(-1)", "Choose", "walk the list", display="↑↓"),
    KeyBinding("down", "move_cursor(1)", "Choose", "", show=False),
    KeyBinding("pageup", "page(-1)", "Choose", "", show=False),
    KeyBinding("pagedown", "page(1)", "Choose", "", show=False),
    KeyBinding("home", "move_cursor(-1000000)", "Choose", "", show=False),
    KeyBinding("end", "move_cursor(1000000)", "Choose", "", show=False),
)


_AGAIN = KeyBinding("g", "resample", "Again", "draw names again, from the next seed where these are of this very step")


_COPY = KeyBinding("y", "copy", "Copy", "copy the name under the cursor through the terminal, also over SSH")


_KEEP = (
    KeyBinding("Y", "copy_all", "Copy all", "copy all names", show=False),
    KeyBinding("w", "save", "Save", "save all names to a file: text, CSV or JSON by its ending"),
)


_STAR = KeyBinding("s", "star", "Star", f"star the name ({GLYPHS.star}), or let it go; starred names are kept for good")


NAMES_KEYS = (
    *_LIST,
    KeyBinding("left", "edit_setting('down')", "Nudge", "the setting's next value down or up", display="←→"),
    KeyBinding("right", "edit_setting('up')", "Nudge", "", show=False),
    KeyBinding("enter", "edit_setting('edit')", "Edit", "type the setting's value; enter takes it, esc leaves it"),
    KeyBinding("backspace", "edit_setting('default')", "Usual", "the setting's usual value", show=False),
    KeyBinding("1", "select_pane('settings')", "Pane", "go to the settings, or to the names", display="1-2"),
    KeyBinding("2", "select_pane('names')", "Pane", "", show=False),
    _AGAIN,
    _STAR,
    _COPY,
    *_KEEP,
    *_READING,
)


# letters are typed text here
STEP_KEYS = (
    KeyBinding("up", "move_cursor(-1)", "Choose", "choose a character", display="↑↓"),
    _LIST[1],
    KeyBinding("pageup", "move_cursor(-10)", "Choose", "", show=False),
    KeyBinding("pagedown", "move_cursor(10)", "Choose", "", show=False),
    KeyBinding("enter", "append_character", "Take", "put the chosen character behind the prefix; `end` ends the name"),
    KeyBinding("space", "roll", "Roll", "let chance choose at the temperature; the same seed rolls the same again"),
    KeyBinding("backspace", "undo('one')", "Back one", "take back the last character", display=GLYPHS.backspace),
    KeyBinding("left", "step_temperature(-1)", "Temp", "roll at a lower or a higher temperature", display="←→"),
    KeyBinding("right", "step_temperature(1)", "Temp", "", show=False),
    KeyBinding("ctrl+u", "undo('all')", "Anew", "begin a name anew", show=False, display="^u"),
    *_TYPING,
)


# letters are typed text here
SCORE_KEYS = (
    KeyBinding("enter", "score", "Score", "score the word that is typed"),
    KeyBinding("up", "move_cursor(-1)", "Choose", "walk the words scored so far", display="↑↓"),
    *_LIST[1:4],
    KeyBinding("backspace", "undo('one')", "Back one", "take back the last character", display=GLYPHS.backspace),
    KeyBinding("ctrl+u", "undo('all')", "Clear", "take back all that is typed", show=False, display="^u"),
    *_TYPING,
)


TIMELINE_KEYS = (
    KeyBinding("left", "move_cursor(-1)", "Scrub", "to the evaluation before, or the next", display="←→"),
    KeyBinding("right", "move_cursor(1)", "Scrub", "", show=False),
    KeyBinding("pageup", "page(-1)", "Scrub", "", show=False),
    KeyBinding("pagedown", "page(1)", "Scrub", "", show=False),
    KeyBinding("home", "move_cursor(-1000000)", "First", "to the first evaluation"),
    KeyBinding("end", "move_cursor(1000000)", "Last", "to the last one, and on with each that comes"),
    *_KEEP,
    *_READING,
)


COMPARE_KEYS = (
    KeyBinding("c", "choose_run", "Run", "choose the run to compare with"),
    KeyBinding("enter", "choose_run", "Run", "", show=False),
    _AGAIN,
    *_KEEP,
    *_READING,
)


STARRED_KEYS = (
    *_LIST,
    KeyBinding("s", "star", "Unstar", "let the name go; once more stars it again, while it is still shown"),
    KeyBinding("u", "unstar", "Unstar", "", show=False),
    _COPY,
    *_KEEP,
    *_READING,
)


INSPECTOR_KEYS = (
    KeyBinding("tab", "tab(1)", "Part", "the next part of the layer's view; shift+tab the one before"),
    KeyBinding("shift+tab", "tab(-1)", "Part", "", show=False),
    KeyBinding("down", "layer(1)", "Layer", "the next layer, the one before", display="↑↓"),
    KeyBinding("up", "layer(-1)", "Layer", "", show=False),
    KeyBinding("h", "move('h')", "Left", "the cursor to the left or right, also ← →", display="hl"),
    KeyBinding("l", "move('l')", "Right", "", show=False),
    KeyBinding("left", "move('h')", "Left", "", show=False),
    KeyBinding("right", "move('l')", "Right", "", show=False),
    KeyBinding("j", "move('j')", "Down", "the cursor down or up", display="jk"),
    KeyBinding("k", "move('k')", "Up", "", show=False),
    KeyBinding("p", "move('p')", "Next", "the cursor to the next place; P the one before"),
    KeyBinding("P", "move('P')", "Before", "", show=False),
    KeyBinding("slash", "type", "Type", "a context of your own, for the tree; also enter", display="/"),
    KeyBinding("enter", "type", "Type", "", show=False),
    KeyBinding("a", "explain", "About", "what a figure means and what is healthy of it, one after another; then none"),
    KeyBinding("space", "control_run('pause')", "Pause", "hold training between two steps, or go on"),
    KeyBinding("full_stop", "control_run('step')", "Step", "one step, then hold, to watch what it does", display="."),
    KeyBinding("b", "batch", "Batch", "how many examples are looked at: 32, 128, 512 or 2,048"),
    KeyBinding("n", "seed", "Draw", "other examples: the next seed of the batch that is looked at"),
    KeyBinding("question_mark", "request('help')", "Help", "", display="?"),
    KeyBinding("q", "request('back')", "Back", "back to the lab", display="esc"),
    KeyBinding("escape", "request('back')", "Back", "", show=False),
    KeyBinding("i", "request('back')", "Back", "", show=False),
    KeyBinding("ctrl+c", "request('back')", "Back", "", show=False),
    MOUSE,
    *GLOBAL_KEYS,
)


RUN_KEYS = (
    KeyBinding("enter", "command('open')", "Open", "look at the run in the lab"),
    KeyBinding("space", "command('resume')", "Resume", "go on training a run that has more to do"),
    KeyBinding("c", "toggle_chosen", "Compare", "choose the run to be compared with others, up to four, or let it go"),
    KeyBinding(
        "f", "command('fork')", "Fork", "the same from here: a new run, held, with the weights that this one has now"
    ),
    KeyBinding("d", "command('delete')", "Delete", "take the run off the list; it can be brought back"),
    KeyBinding("u", "restore", "Undo", "bring back the run that was deleted last, then the one before"),
    KeyBinding(
        "slash",
        "edit('filter')",
        "Filter",
        "runs whose number, name, preset, note, corpus or state match alone",
        display="/",
    ),
    KeyBinding("s", "sort", "Sort", "the newest first, the best val, the most steps, or by preset"),
    KeyBinding("n", "edit('name')", "Rename", "call the run something"),
    KeyBinding("m", "edit('note')", "Note", "write down what is worth remembering of it"),
    KeyBinding(
        "v",
        "request('other_pane')",
        "Other pane",
        "what differs, or the curves, where there is room for one of them",
        show=False,
    ),
    KeyBinding("l", "request('log_scale')", "Scale", "the losses on a log or a linear scale", show=False),
    KeyBinding("question_mark", "request('help')", "Help", "", display="?"),
    KeyBinding("q", "request('back')", "Back", "back to the lab", display="esc"),
    KeyBinding("escape", "request('back')", "Back", "", show=False),
    KeyBinding("r", "request('back')", "Back", "", show=False),
    KeyBinding("ctrl+c", "request('back')", "Back", "", show=False),
    *GLOBAL_KEYS,
)
