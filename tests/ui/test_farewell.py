"""What is said on the way out, by what is left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scenes

from charwave_tui.core.metrics import RunState
from charwave_tui.ui.state.notifications import exit_message
from charwave_tui.ui.state.run_state import RunViewState

RUN = replace(scenes.TRAINING.run, run=12)


@pytest.mark.parametrize(
    ("run", "state", "said"),
    [
        (
            RUN,
            RunState.TRAINING,
            "run 12 goes on training; charwave-tui comes back to it, charwave-tui engine stop ends it",
        ),
        (replace(RUN, run=None), RunState.TRAINING, "the new run goes on training; charwave-tui comes back to it"),
        (RUN, RunState.PAUSED, "run 12 is paused; charwave-tui comes back to it"),
        (replace(RUN, unsaved="no space"), RunState.FINISHED, "run 12 is not saved: no space; the engine holds it"),
        (RUN, RunState.FINISHED, ""),
        (RunViewState(engine="starting"), RunState.TRAINING, "the engine had not started yet, so nothing was trained"),
        (RunViewState(engine="starting"), None, ""),
    ],
)
def test_exit_message_says_what_remains(run, state, said):
    words = exit_message(run, state)
    assert words.startswith(said)
    assert bool(words) == bool(said)
