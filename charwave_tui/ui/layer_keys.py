"""Every key of the layer screen once: what it does, how the key bar and the help name it."""

from __future__ import annotations

from dataclasses import replace

from charwave_tui.ui.commands import EVERYWHERE, MOUSE, Key
from charwave_tui.ui.insight.shown import Nouns

LAYER_KEYS = (
    Key("tab", "part(1)", "Part", "the next part of the layer's view; shift+tab the one before"),
    Key("shift+tab", "part(-1)", "Part", "", shown=False),
    Key("down", "layer(1)", "Layer", "the next layer, the one before", display="↑↓"),
    Key("up", "layer(-1)", "Layer", "", shown=False),
    Key("h", "move('h')", "Left", "the cursor to the left or right, also ← →", display="hl"),
    Key("l", "move('l')", "Right", "", shown=False),
    Key("left", "move('h')", "Left", "", shown=False),
    Key("right", "move('l')", "Right", "", shown=False),
    Key("j", "move('j')", "Down", "the cursor down or up", display="jk"),
    Key("k", "move('k')", "Up", "", shown=False),
    Key("p", "move('p')", "Next", "the cursor to the next place; P the one before"),
    Key("P", "move('P')", "Before", "", shown=False),
    Key("slash", "type", "Type", "a context of your own, for the tree; also enter", display="/"),
    Key("enter", "type", "Type", "", shown=False),
    Key("a", "explain", "About", "what a figure means and what is healthy of it, one after another; then none"),
    Key("space", "steer('pause')", "Pause", "hold training between two steps, or go on"),
    Key("full_stop", "steer('step')", "Step", "one step, then hold, to watch what it does", display="."),
    Key("b", "batch", "Batch", "how many examples are looked at: 32, 128, 512 or 2,048"),
    Key("n", "seed", "Draw", "other examples: the next seed of the batch that is looked at"),
    Key("question_mark", "want('help')", "Help", "", display="?"),
    Key("q", "want('back')", "Back", "back to the lab", display="esc"),
    Key("escape", "want('back')", "Back", "", shown=False),
    Key("i", "want('back')", "Back", "", shown=False),
    Key("ctrl+c", "want('back')", "Back", "", shown=False),
    MOUSE,
    *EVERYWHERE,
)
"""The keys, while nothing is typed."""


def keys_for(nouns: Nouns) -> tuple[Key, ...]:
    """The keys where the cursor moves among such things; those that move it nowhere are named nowhere."""
    across, down, on = nouns.across, nouns.down, nouns.on
    if across and across == down:
        told = {"h": (across, f"the nearest {across} that way, also the arrows ← →", "hjkl")}
    else:
        told = {
            "h": (across, f"one {across} to the left or right, also ← →", "hl"),
            "j": (down, f"one {down} down or up", "jk"),
        }
    told["p"] = (on, f"the next {on}, P the one before, round and round", "p")
    moving = {"h", "j", "p"}
    return tuple(_named(key, *told.get(key.key, ("", "", ""))) if key.key in moving else key for key in LAYER_KEYS)


def _named(key: Key, noun: str, help: str, display: str) -> Key:
    if not noun:
        return replace(key, help="", shown=False)
    return replace(key, name=noun.capitalize(), help=help, display=display)
