"""Every key of the layer screen once: what it does, how the key bar and the help name it."""

from __future__ import annotations

from charwave_tui.ui.commands import REPAINT, Key

LAYER_KEYS = (
    Key("tab", "part(1)", "Part", "the next part of the layer's view; shift+tab the one before"),
    Key("shift+tab", "part(-1)", "Part", "", shown=False),
    Key("down", "layer(1)", "Layer", "the next layer, the one before", display="↑↓"),
    Key("up", "layer(-1)", "Layer", "", shown=False),
    Key("h", "move('h')", "Unit", "the cursor one unit to the left or right, also ← →", display="h l"),
    Key("l", "move('l')", "Unit", "", shown=False),
    Key("left", "move('h')", "Unit", "", shown=False),
    Key("right", "move('l')", "Unit", "", shown=False),
    Key("j", "move('j')", "Example", "the cursor one example (of a matrix: one row) down or up", display="j k"),
    Key("k", "move('k')", "Example", "", shown=False),
    Key("p", "move('p')", "Position", "the next position of a three-dimensional output; P the one before"),
    Key("P", "move('P')", "Position", "", shown=False),
    Key("slash", "type", "Type", "a context of your own, for the tree; also enter", display="/"),
    Key("enter", "type", "Type", "", shown=False),
    Key("space", "steer('pause')", "Pause", "hold training between two steps, or go on"),
    Key("full_stop", "steer('step')", "Step", "one step, then hold, to watch what it does", display="."),
    Key("b", "batch", "Batch", "how many examples are looked at: 32, 128, 512 or 2,048"),
    Key("n", "seed", "Draw", "other examples: the next seed of the batch that is looked at"),
    Key("question_mark", "want('help')", "Help", "", display="?"),
    Key("q", "want('back')", "Back", "back to the lab", display="esc"),
    Key("escape", "want('back')", "Back", "", shown=False),
    Key("i", "want('back')", "Back", "", shown=False),
    Key("ctrl+c", "want('back')", "Back", "", shown=False),
    REPAINT,
)
"""The keys, while nothing is typed."""
