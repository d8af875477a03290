"""The half of the lab that leads to other screens, and takes back what a person leaves on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive

from charwave_tui.core.protocol import Command, SampleNames
from charwave_tui.core.sampling import Sampling
from charwave_tui.core.speaking import PredictNext
from charwave_tui.ui.archive_view import Arrangement
from charwave_tui.ui.insight.asking import Looking, looking_at
from charwave_tui.ui.panes.layers import LayersPane
from charwave_tui.ui.screens.listening import Listening
from charwave_tui.ui.screens.spoiling import Spoiling

if TYPE_CHECKING:
    from charwave_tui.ui.sampler.notebook import Notebook


class Visiting(Spoiling):
    """A screen from which the runs and the sampler are reached; each is bound to what this one hears."""

    line: reactive[str] = reactive("", repaint=False)
    """A word on the line to the terminal, where there is something to say."""
    place: reactive[str] = reactive("", repaint=False)
    """Where the engine is and how far away, empty where that is here."""

    _arrangement = Arrangement()
    """How a person left the runs."""
    _looking = Looking()
    """How a person left the layers."""
    _notebook: Notebook | None = None
    """What a person left in the sampler."""

    def give(self, command: Command) -> None:
        """Give a command that another screen asks for; names without a number of their own are the lab's."""
        match command:
            case SampleNames(sampling=sampling, request=0):
                self._reach_if_lost()
                self.draw_names(sampling)
                return
            case PredictNext(prefix=prefix):
                self.context_text = prefix
        super().give(command)

    def draw_names(self, sampling: Sampling) -> None:
        """Draw the lab's names so from now on."""
        self.sampling = self.conversation.sampling = sampling
        self.conversation.draw_names()

    def action_runs(self) -> None:
        self.call_later(self._show_runs)  # from here, for a screen is bound to whoever is active

    def _show_runs(self) -> None:
        from charwave_tui.ui.screens.runs import RunsScreen  # costs 20 ms, and the first frame shows no runs

        if not self.is_current:  # asked for twice in one burst
            return
        self._reach_if_lost()
        screen = RunsScreen(self._arrangement)
        screen.data_bind(Listening.run, Visiting.line, Visiting.place, Listening.curve, Listening.archive)
        self.app.push_screen(screen, self._runs_left)

    def _runs_left(self, arrangement: Arrangement | None) -> None:
        self._arrangement = arrangement or self._arrangement

    def on_layers_pane_opened(self) -> None:
        self.action_inspect()

    def action_inspect(self) -> None:
        self.call_later(self._show_layer)

    def _show_layer(self) -> None:
        from charwave_tui.ui.screens.layer import LayerScreen

        if not self.is_current:
            return
        screen = LayerScreen(looking_at(self.query_one(LayersPane).here, self.context_text, self._looking))
        screen.data_bind(Listening.run, Visiting.line, Visiting.place, Listening.probed, Listening.inspection)
        self.app.push_screen(screen, self._layer_left)

    def _layer_left(self, looking: Looking | None) -> None:
        if looking is None:
            return
        self._looking = looking
        self.query_one(LayersPane).go_to(looking.gaze.layer)
        if looking.batch != self.conversation.batch:
            self.conversation.batch = looking.batch
            self.conversation.probe()

    def action_sampler(self) -> None:
        self.call_later(self._show_sampler)

    def _show_sampler(self) -> None:
        from charwave_tui.ui.screens.sampler import SamplerScreen  # the first frame shows none of it

        if not self.is_current:
            return
        self._reach_if_lost()
        screen = SamplerScreen(self._notebook)
        screen.data_bind(Listening.run, Visiting.line, Visiting.place, Listening.curve, Listening.archive)
        screen.data_bind(Listening.sampling, Listening.speech, names=Listening.sampled)
        self.app.push_screen(screen, self._sampler_left)

    def _sampler_left(self, notebook: Notebook | None) -> None:
        self._notebook = notebook or self._notebook
