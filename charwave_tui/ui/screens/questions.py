"""The dialogs of the lab: what to choose from, and what is asked before something ends."""

from __future__ import annotations

from charwave_tui.core.config import HYPERPARAMETERS
from charwave_tui.core.corpora import list_corpora
from charwave_tui.core.fields import Choice
from charwave_tui.core.presets import presets
from charwave_tui.core.readings import Split
from charwave_tui.ui import numbers
from charwave_tui.ui.draft import PRESET, FormView
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.screens.confirm import Answer, ConfirmScreen
from charwave_tui.ui.screens.pick import Option, PickScreen
from charwave_tui.ui.view import Curve, RunView


def pick(name: str, form: FormView) -> PickScreen:
    """The list for a row of the form whose value is chosen rather than typed."""
    if name == PRESET:
        return PickScreen("preset", [_preset_option(item) for item in presets()], present=form.draft.preset)
    present = str(getattr(form.draft.config, name))
    if name == "corpus":
        corpora = [
            Option(entry.name, entry.path.name if entry.name == str(entry.path) else entry.name, entry.kind)
            for entry in list_corpora()
        ]
        return PickScreen(
            "corpus", corpora, present=present, allow_text="or a path", about="A text file in UTF-8, one word a line."
        )
    kind = HYPERPARAMETERS[name].kind
    assert isinstance(kind, Choice)
    return PickScreen(name, [Option(value, value, "") for value in kind.options], present=present)


def ask_for_new_run(run: RunView) -> ConfirmScreen:
    """Whether to begin a new run while one is in progress."""
    return ConfirmScreen(
        "Train a new run",
        f"run {run.run} is at step {numbers.steps(run.step)}. It is stopped and saved, and its curve stays as the ghost.",
        [
            Answer(("enter", "t"), "stop it and train the form's config", True),
            Answer(("escape",), "let it go on", False),
        ],
    )


def ask_for_quit(run: RunView) -> ConfirmScreen:
    """Whether to end a run in training."""
    return ConfirmScreen(
        "Quit",
        f"run {run.run} is training, at step {numbers.steps(run.step)}.",
        [Answer(("enter", "s"), "stop it, save it and quit", True), Answer(("escape",), "stay", False)],
    )


def said(curve: Curve, step: int) -> str:
    """The whole splits as measured after `step`, for a notice: `step 10,000: train 1.9124 · val 2.0221 · test 2.0301`."""
    losses = {item.split: item.loss for item in curve.history.evaluations if item.step == step}
    figures = f" {GLYPHS.dot} ".join(f"{split} {numbers.loss(losses[split])}" for split in Split if split in losses)
    return f"step {numbers.steps(step)}: {figures}"


def _preset_option(name: str) -> Option:
    preset = presets()[name]
    published = preset.published
    figures = f"published val {numbers.loss(published.val)}. " if published and published.val else ""
    return Option(name, name, figures + preset.why)
