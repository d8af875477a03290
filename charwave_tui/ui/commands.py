"""Every key of the lab screen once: what it does, how the key bar and the help name it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """A key, the action of the lab screen that it runs, its name in the key bar and its line in the help.

    `help` is empty where another key's line tells; `shown` keys stand in the key bar; `display` is how the key is
    written where that differs from its name.
    """

    key: str
    action: str
    name: str
    help: str
    shown: bool = True
    display: str | None = None

    @property
    def named(self) -> bool:
        """Whether its name tells it apart, so that the palette can offer it."""
        return not self.action.startswith("pane") and not self.key.startswith("ctrl")

    @property
    def written(self) -> str:
        """The key as the key bar and the help write it."""
        return self.display or self.key

    def binding(self) -> Binding:
        """The key as Textual binds it."""
        return Binding(
            self.key,
            self.action,
            self.name,
            show=self.shown,
            key_display=self.written,
            id=f"{self.action} on {self.key}",
        )


REPAINT = Key(
    "ctrl+l",
    "app.repaint",
    "Repaint",
    "paint the screen anew, where something else has written on it",
    shown=False,
    display="^l",
)
"""The key after which nothing that is seen is old."""

PICTURE = Key(
    "ctrl+s",
    "app.picture",
    "Picture",
    "save what is on the screen as SVG, where you started the program",
    shown=False,
    display="^s",
)
"""The key that keeps what is seen."""

EVERYWHERE = (PICTURE, REPAINT)
"""The keys that mean the same on every screen."""

MOUSE = Key(
    "m", "app.mouse", "Mouse", "the mouse to the terminal, which then selects and copies; again, back", shown=False
)
"""The key that gives the mouse to the terminal and takes it back."""

KEYS = (
    Key("t", "steer('train')", "Train", "train a new run of the form's config; the old one stays as the ghost"),
    Key("space", "steer('pause')", "Pause", "hold training between two steps, or go on; also with an unfinished run"),
    Key(
        "full_stop",
        "steer('step')",
        "Step",
        "one step, then hold; without a run, make one and take its first",
        display=".",
    ),
    Key("x", "steer('stop')", "Stop", "end the run, evaluate it and save it"),
    Key("c", "steer('extend')", "Longer", "train a finished run on for as many steps again", shown=False),
    Key(
        "0",
        "steer('reset')",
        "Reset",
        "back to the same first weights, held; the curve so far becomes the ghost",
        shown=False,
    ),
    Key("w", "steer('rewind')", "Rewind", "a diverged run back to its last good save, then on with a third of its lr"),
    Key("g", "names", "Names", "draw names from the model as it is, also while it trains"),
    Key(
        "f",
        "what_if",
        "What if",
        "spoil one thing on purpose in a new run: gain, BatchNorm, last layer, lr",
        shown=False,
    ),
    Key("n", "sampler", "Sampler", "talk to the model: names, step by step, score a word, timeline, compare, starred"),
    Key("i", "inspect", "Inspect", "look inside the layer under the cursor of the table (enter there)", shown=False),
    Key("r", "runs", "Runs", "all runs: open, go on with, fork, compare, delete"),
    Key("e", "steer('evaluate')", "Evaluate", "measure train, val and test over their whole splits now", shown=False),
    Key("l", "log", "Scale", "the loss on a log or a linear scale", shown=False),
    Key("1", "pane('form')", "Pane", "go to a pane: hyperparameters, loss, layers, names", display="1-4"),
    Key("2", "pane('loss')", "Loss", "", shown=False),
    Key("3", "pane('layers')", "Layers", "", shown=False),
    Key("4", "pane('names')", "Names", "", shown=False),
    Key("z", "zoom", "Zoom", "the focused pane alone, or all four again"),
    MOUSE,
    Key("question_mark", "help", "Help", "the keys, and what the words mean", display="?"),
    Key("q", "leave", "Quit", "leave; a run in training goes on, if you like"),
    Key("ctrl+c", "leave", "Quit", "", shown=False, display="^c"),
    *EVERYWHERE,
)
"""The keys, which mean the same everywhere while no editor is open."""
