"""The dialogs of the lab: what to choose from, and what is asked before something ends."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from charwave_tui import __version__
from charwave_tui.core.config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.corpora import list_corpora
from charwave_tui.core.kinds import Choice
from charwave_tui.core.presets import Published, presets
from charwave_tui.ui import numbers
from charwave_tui.ui.commands import PICTURE, Key
from charwave_tui.ui.draft import PRESET, FormView
from charwave_tui.ui.screens.confirm import Answer, ConfirmScreen
from charwave_tui.ui.screens.pick import Option, PickScreen
from charwave_tui.ui.themes import INKS
from charwave_tui.ui.view import RunView
from charwave_tui.ui.what_if import AS_IT_WAS, WHAT_IFS, changes


def pick(name: str, form: FormView) -> PickScreen:
    """The list for a row of the form whose value is chosen rather than typed."""
    if name == PRESET:
        return PickScreen("preset", [_preset_option(item) for item in presets()], present=form.draft.preset)
    present, about = str(getattr(form.draft.config, name)), HYPERPARAMETERS[name].about
    if name == "corpus":
        corpora = [
            Option(entry.name, entry.path.name if entry.name == str(entry.path) else entry.name, entry.kind)
            for entry in list_corpora()
        ]
        return PickScreen("corpus", corpora, present=present, allow_text="or a path", about=about)
    kind = HYPERPARAMETERS[name].kind
    assert isinstance(kind, Choice)
    return PickScreen(name, [Option(value, value) for value in kind.options], present=present, about=about)


def pick_command(keys: Iterable[Key]) -> PickScreen:
    """What can be done now, by name: the lab's `keys`, then what is the program's own."""
    named = [Option(key.action, f"{key.name}  {key.written}", key.help) for key in keys]
    own = [
        Option("app.change_theme", "Theme", "dark, light, colour-blind-safe, or sixteen colours"),
        Option(PICTURE.action, f"{PICTURE.name}  {PICTURE.written}", PICTURE.help),
    ]
    return PickScreen("commands", [*named, *own])


def pick_what_if(config: RunConfig, *, spoilt: bool) -> PickScreen:
    """The extremes that a new run of `config` can be spoilt with, and what to look for in each.

    `spoilt`: the run in hand is one that was, of which `config` is what it was before.
    """
    options = [Option(item.name, item.name, f"{changes(item, config)}. {item.look_for(config)}") for item in WHAT_IFS]
    if spoilt:
        options.append(Option(AS_IT_WAS, AS_IT_WAS, "The run before anything was spoilt, once more."))
    about = "A new run from the same seed with one thing spoilt on purpose; the curve so far stays as the ghost."
    return PickScreen("What if", options, about=about)


def pick_theme(present: str) -> PickScreen:
    """The themes."""
    return PickScreen("theme", [Option(name, name.removeprefix("charwave-")) for name in INKS], present=present)


class Parting(Enum):
    """How to leave while a run trains."""

    RUNNING = "the run goes on"
    SAVED = "the run is stopped and saved first"
    NOT = "one stays"


def ask_for_new_run(run: RunView, what: str = "the form's config") -> ConfirmScreen[bool]:
    """Whether to begin a new run, of `what`, while one is in progress."""
    return ConfirmScreen(
        "Train a new run",
        f"run {run.run} is stopped and saved; its curve stays as the ghost.",
        [
            Answer(("enter", "t"), f"stop it and train {what}", True),
            Answer(("escape",), "leave it as it is", False),
        ],
    )


def ask_for_quit(run: RunView) -> ConfirmScreen[Parting]:
    """What becomes of a run in training."""
    return ConfirmScreen(
        "Quit",
        f"run {run.run} is training." if run.run else "a run is training.",
        [
            Answer(("enter",), "leave it running and quit", Parting.RUNNING),
            Answer(("s",), "stop it, save it and quit", Parting.SAVED),
            Answer(("escape",), "stay", Parting.NOT),
        ],
    )


def ask_for_restart(version: str) -> ConfirmScreen[bool]:
    """What becomes of an engine of another version."""
    return ConfirmScreen(
        f"An engine of version {version} is running",
        f"This is charwave-tui {__version__}, which it does not understand.\n"
        "Once it is restarted, its run is saved and can be gone on with.",
        [
            Answer(("r",), "restart it", True),
            Answer(("enter", "escape"), "leave it alone and quit", False),
        ],
    )


def _preset_option(name: str) -> Option:
    preset = presets()[name]
    return Option(name, name, f"{preset.about} {_published(preset.published)}".rstrip())


def _published(published: Published | None) -> str:
    """The figures that others reported, for the end of a sentence's line; nothing where there are none."""
    if published is None:
        return ""
    losses = {"train": published.train, "val": published.val}
    said = [f"{split} {numbers.loss(loss)}" for split, loss in losses.items() if loss is not None]
    return f"Published: {', '.join([f'{published.parameters:,} params', *said])}."
