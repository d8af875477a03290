"""The half of the lab that listens: an engine is reached, what it tells becomes what the panes show."""

from __future__ import annotations

import asyncio
from abc import abstractmethod

from textual import on, work
from textual.message import Message
from textual.reactive import reactive

from charwave_tui.client.connection import EngineOutdated, EngineUnavailable
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.events import AnyEvent, RunOpened
from charwave_tui.ui.dialogs.lab_dialogs import confirm_restart
from charwave_tui.ui.lab.form_controller import FormController
from charwave_tui.ui.state.engine_controller import EngineClientProtocol
from charwave_tui.ui.state.form_state import FormState, alongside_run, reduce_form, with_run_config
from charwave_tui.ui.state.run_state import (
    EngineDisconnected,
    InspectionState,
    LayersState,
    LossCurveState,
    NamesState,
    RunViewState,
)
from charwave_tui.ui.state.runs_state import RunsState, reduce_runs
from charwave_tui.ui.state.sampler_state import SamplerState, reduce_sampler


class EngineEvent(Message):
    """The engine told something, or is gone."""

    def __init__(self, event: AnyEvent | EngineDisconnected) -> None:
        super().__init__()
        self.event = event


class EngineFeed(FormController):
    """A screen that shows what the engine tells; `named` says that a person chose the form's config for this start."""

    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    """The run that the engine holds."""
    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    """Its losses."""
    probed: reactive[LayersState] = reactive(LayersState, repaint=False)
    """Its layers."""
    inspection: reactive[InspectionState] = reactive(InspectionState, repaint=False)
    """What was found inside one of them."""
    sampled: reactive[NamesState] = reactive(NamesState, repaint=False)
    """Its names."""
    archive: reactive[RunsState] = reactive(RunsState, repaint=False)
    """The runs that are kept, as far as they were asked for."""
    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)
    """What names are drawn with."""
    speech: reactive[SamplerState] = reactive(SamplerState, repaint=False)
    """What the model said when it was asked for more than names."""
    context_text: reactive[str] = reactive("", repaint=False)
    """The text that a person steps along, of which the last characters are the context to look into."""

    def __init__(self, config: RunConfig, preset: str, engine: EngineClientProtocol, named: bool) -> None:
        super().__init__(config, preset, engine)
        self._engine = engine
        self._named = named

    @abstractmethod
    def exit_with(self, words: str) -> None:
        """Leave, with what there is to say on the way out."""

    @work(exclusive=True, group="engine")
    async def listen(self, restart: bool = False) -> None:
        """Pump the engine's events until it goes, and again where it is worth it; `restart` one of another version."""
        while True:
            reason = ""
            try:
                if restart:
                    await self._engine.restart()
                async for event in self._engine.events():
                    self.post_message(EngineEvent(event))
            except EngineOutdated as outdated:
                self.app.push_screen(confirm_restart(outdated.version), self._restart_answered)
                return
            except EngineUnavailable as error:
                reason = str(error)
            restart, pause = False, self._engine.retry_in
            self.post_message(EngineEvent(EngineDisconnected(reason, pause)))
            if pause is None:
                return
            await asyncio.sleep(pause)

    def _restart_answered(self, yes: bool | None) -> None:
        if yes:
            self.listen(restart=True)
        else:
            self.exit_with("")

    def reconnect(self) -> None:
        """Begin to listen to another engine."""
        self.conversation.reaching_again()
        self.run = self.conversation.view.run
        self.listen()

    @on(EngineEvent)
    def on_engine_reported(self, message: EngineEvent) -> None:
        self.hear(message.event)

    def hear(self, event: AnyEvent | EngineDisconnected) -> None:
        """Take in what the engine told, and show it."""
        before, known = self.conversation.state, self.conversation.view.run
        said = self.conversation.handle_event(event)
        view = self.conversation.view
        self.run, self.curve, self.probed, self.sampled = view.run, view.curve, view.layers, view.names
        self.inspection = view.inspection
        self.sampling = self.conversation.sampling
        if said is not None:
            self.notify(said.text, severity=said.severity, markup=False)
        if not isinstance(event, EngineDisconnected):
            self.archive = reduce_runs(self.archive, event)
            self.speech = reduce_sampler(self.speech, event)
            self.form = self._form_after(event, known)
        if self.conversation.state is not before or view.run.unfinished != known.unfinished:
            self.refresh_bindings()

    def _form_after(self, event: AnyEvent, known: RunViewState) -> FormState:
        """The form once `event` has happened to the run that was `known`; a run that was there before fills it."""
        if not isinstance(event, RunOpened) or event.run is None:
            return reduce_form(self.form, event)
        named, self._named = self._named, False
        if event.state is RunState.READY or event.run == known.run:
            return reduce_form(self.form, event)
        if named:
            return alongside_run(self.form, event.config)
        return with_run_config(self.form, event.config, event.preset)
