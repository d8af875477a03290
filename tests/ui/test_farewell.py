"""What is said on the way out, by what is left behind."""

from dataclasses import replace

import pytest
import scenes

from charwave_tui.core.readings import State
from charwave_tui.ui.farewell import farewell
from charwave_tui.ui.view import RunView

RUN = replace(scenes.TRAINING.run, run=12)


@pytest.mark.parametrize(
    ("run", "state", "said"),
    [
        (
            RUN,
            State.TRAINING,
            "run 12 goes on training; charwave-tui comes back to it, charwave-tui engine stop ends it",
        ),
        (replace(RUN, run=None), State.TRAINING, "the new run goes on training; charwave-tui comes back to it"),
        (RUN, State.PAUSED, "run 12 is paused; charwave-tui comes back to it"),
        (replace(RUN, unsaved="no space"), State.FINISHED, "run 12 is not saved: no space; the engine holds it"),
        (RUN, State.FINISHED, ""),
        (RunView(engine="starting"), State.TRAINING, "the engine had not started yet, so nothing was trained"),
        (RunView(engine="starting"), None, ""),
    ],
)
def test_exit_message_says_what_remains(run, state, said):
    words = farewell(run, state)
    assert words.startswith(said)
    assert bool(words) == bool(said)
