"""Every key of the runs screen once: what it does, how the key bar and the help name it."""

from __future__ import annotations

from charwave_tui.ui.commands import EVERYWHERE, Key

RUN_KEYS = (
    Key("enter", "command('open')", "Open", "look at the run in the lab"),
    Key("space", "command('resume')", "Resume", "go on training a run that has more to do"),
    Key("c", "choose", "Compare", "choose the run to be compared with others, up to four, or let it go"),
    Key("f", "command('fork')", "Fork", "the same from here: a new run, held, with the weights that this one has now"),
    Key("d", "command('delete')", "Delete", "take the run off the list; it can be brought back"),
    Key("u", "restore", "Undo", "bring back the run that was deleted last, then the one before"),
    Key(
        "slash",
        "edit('filter')",
        "Filter",
        "runs whose number, name, preset, note, corpus or state match alone",
        display="/",
    ),
    Key("s", "sort", "Sort", "the newest first, the best val, the most steps, or by preset"),
    Key("n", "edit('name')", "Rename", "call the run something"),
    Key("m", "edit('note')", "Note", "write down what is worth remembering of it"),
    Key(
        "v",
        "want('turn')",
        "Other pane",
        "what differs, or the curves, where there is room for one of them",
        shown=False,
    ),
    Key("l", "want('log')", "Scale", "the losses on a log or a linear scale", shown=False),
    Key("question_mark", "want('help')", "Help", "", display="?"),
    Key("q", "want('back')", "Back", "back to the lab", display="esc"),
    Key("escape", "want('back')", "Back", "", shown=False),
    Key("r", "want('back')", "Back", "", shown=False),
    Key("ctrl+c", "want('back')", "Back", "", shown=False),
    *EVERYWHERE,
)
"""The keys, which act on the run under the cursor while no editor is open."""
