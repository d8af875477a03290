"""The dialogs of the lab: lists to pick from, and questions before a run or the program ends."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from textual.binding import Binding

from charwave_tui import __version__
from charwave_tui.core.config.presets import Published, presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.config.value_types import Choice
from charwave_tui.core.corpus.registry import list_corpora
from charwave_tui.ui.dialogs.confirm import ConfirmDialog, DialogChoice
from charwave_tui.ui.dialogs.pick import Option, PickDialog
from charwave_tui.ui.drawing.number_format import format_loss
from charwave_tui.ui.drawing.theme import PALETTES
from charwave_tui.ui.keymap import SCREENSHOT
from charwave_tui.ui.state.form_state import PRESET, UNDO_WHAT_IF, WHAT_IFS, FormState, describe_changes
from charwave_tui.ui.state.run_state import RunViewState
from charwave_tui.ui.terminal.capabilities import GLYPH_SETS, CharacterSet


def pick_field_value(name: str, form: FormState) -> PickDialog:
    if name == PRESET:
        return PickDialog("preset", [_preset_option(preset) for preset in presets()], current=form.draft.preset)
    current, about = str(getattr(form.draft.config, name)), HYPERPARAMETERS[name].about
    if name == "corpus":
        corpora = [
            Option(entry.name, entry.path.name if entry.name == str(entry.path) else entry.name, entry.kind)
            for entry in list_corpora()
        ]
        return PickDialog("corpus", corpora, current=current, allow_text="or a path", about=about)
    kind = HYPERPARAMETERS[name].value_type
    assert isinstance(kind, Choice)
    return PickDialog(name, [Option(value, value) for value in kind.options], current=current, about=about)


def pick_command(keys: Iterable[Binding]) -> PickDialog:
    """Return the command palette: the available `keys` of the lab, then the app's own commands."""
    lab_commands = [_key_option(key) for key in keys]
    theme = Option("app.change_theme", "Theme", "dark, light, colour-blind-safe, or sixteen colours")
    glyphs = Option("app.change_glyphs", "Glyphs", "draw with braille, blocks, the console's characters or ASCII")
    return PickDialog("commands", [*lab_commands, theme, glyphs, _key_option(SCREENSHOT)])


def _key_option(key: Binding) -> Option:
    return Option(key.action, f"{key.description}  {key.key_display}", key.tooltip)


def pick_what_if(config: RunConfig, *, has_fault: bool) -> PickDialog:
    """Return the list of faults for a new run of `config`.

    If the current run has a fault (`has_fault`), `config` is the one before it, to which the last option returns.
    """
    options = [
        Option(what_if.name, what_if.name, f"{describe_changes(what_if, config)}. {what_if.look_for(config)}")
        for what_if in WHAT_IFS
    ]
    if has_fault:
        options.append(Option(UNDO_WHAT_IF, UNDO_WHAT_IF, "The config before the fault, again."))
    about = "A new run from the same seed with one deliberate fault; the curve so far stays as the ghost."
    return PickDialog("What if", options, about=about)


def pick_theme(current: str) -> PickDialog:
    return PickDialog("theme", [Option(name, name.removeprefix("charwave-")) for name in PALETTES], current=current)


def pick_glyphs(current: CharacterSet) -> PickDialog:
    options = [Option(name, name, f"the terminal's font has {GLYPH_SETS[name].value}") for name in GLYPH_SETS]
    name = next(name for name, characters in GLYPH_SETS.items() if characters is current)
    return PickDialog("glyphs", options, current=name)


class QuitChoice(Enum):
    """How to quit while a run trains."""

    KEEP_RUNNING = "the run continues"
    SAVE = "the run is stopped and saved first"
    CANCEL = "do not quit"


def confirm_new_run(run: RunViewState, config_text: str = "the form's config") -> ConfirmDialog[bool]:
    """Ask whether to stop the current run and train a new one of `what`."""
    return ConfirmDialog(
        "Train a new run",
        f"run {run.run} is stopped and saved; its curve stays as the ghost.",
        [
            DialogChoice(("enter", "t"), f"stop it and train {config_text}", True),
            DialogChoice(("escape",), "keep training it", False),
        ],
    )


class FinishedRunChoice(Enum):
    """How to train a finished run on."""

    FORK = "a new run takes the steps"
    SAME_RUN = "the run itself takes them, and its end is lost"
    CANCEL = "do not train on"


def confirm_training_on(run: RunViewState) -> ConfirmDialog[FinishedRunChoice]:
    return ConfirmDialog(
        "Train on",
        f"run {run.run} is finished; more steps replace the weights of its end.",
        [
            DialogChoice(("enter", "f"), f"fork it, run {run.run} keeps its end", FinishedRunChoice.FORK),
            DialogChoice(("o",), "train it on, its end is lost", FinishedRunChoice.SAME_RUN),
            DialogChoice(("escape",), "cancel", FinishedRunChoice.CANCEL),
        ],
    )


def confirm_quit(run: RunViewState) -> ConfirmDialog[QuitChoice]:
    return ConfirmDialog(
        "Quit",
        f"run {run.run} is training." if run.run else "a run is training.",
        [
            DialogChoice(("enter",), "quit, and let it train on", QuitChoice.KEEP_RUNNING),
            DialogChoice(("s",), "stop and save it, then quit", QuitChoice.SAVE),
            DialogChoice(("escape",), "cancel", QuitChoice.CANCEL),
        ],
    )


def confirm_restart(version: str) -> ConfirmDialog[bool]:
    """Ask whether to restart an engine of another version."""
    return ConfirmDialog(
        f"An engine of version {version} is running",
        f"This is charwave-tui {__version__}, which cannot use it.\nA restart saves its run, which can be resumed.",
        [
            DialogChoice(("r",), "restart it", True),
            DialogChoice(("enter", "escape"), "quit without a restart", False),
        ],
    )


def _preset_option(name: str) -> Option:
    preset = presets()[name]
    return Option(name, name, f"{preset.about} {_published(preset.published)}".rstrip())


def _published(published: Published | None) -> str:
    if published is None:
        return ""
    losses = {"train": published.train, "val": published.val}
    texts = [f"{split} {format_loss(loss)}" for split, loss in losses.items() if loss is not None]
    return f"Published: {', '.join([f'{published.parameters:,} params', *texts])}."
