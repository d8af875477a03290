"""The half of the lab that listens: an engine is reached, what it tells becomes what the panes show."""

from __future__ import annotations

import asyncio
from abc import abstractmethod

from textual import work
from textual.message import Message
from textual.reactive import reactive

from charwave_tui.client.engine import EngineOutdated, EngineUnavailable
from charwave_tui.core import protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.readings import State
from charwave_tui.core.sampling import Sampling
from charwave_tui.ui import archive_view, composing, speech
from charwave_tui.ui.archive_view import Archive
from charwave_tui.ui.conversation import EngineLink
from charwave_tui.ui.draft import FormView
from charwave_tui.ui.layers_view import Inspection, LayersView
from charwave_tui.ui.screens.drafting import Drafting
from charwave_tui.ui.screens.questions import ask_for_restart
from charwave_tui.ui.speech import Speech
from charwave_tui.ui.view import Curve, EngineLost, NamesView, RunView


class EngineReported(Message):
    """The engine told something, or is gone."""

    def __init__(self, event: AnyEvent | EngineLost) -> None:
        super().__init__()
        self.event = event


class Listening(Drafting):
    """A screen that shows what the engine tells; `named` says that a person chose the form's config for this start."""

    run: reactive[RunView] = reactive(RunView, repaint=False)
    """The run that the engine holds."""
    curve: reactive[Curve] = reactive(Curve, repaint=False)
    """Its losses."""
    probed: reactive[LayersView] = reactive(LayersView, repaint=False)
    """Its layers."""
    inspection: reactive[Inspection] = reactive(Inspection, repaint=False)
    """What was found inside one of them."""
    sampled: reactive[NamesView] = reactive(NamesView, repaint=False)
    """Its names."""
    archive: reactive[Archive] = reactive(Archive, repaint=False)
    """The runs that are kept, as far as they were asked for."""
    sampling: reactive[Sampling] = reactive(Sampling, repaint=False)
    """What names are drawn with."""
    speech: reactive[Speech] = reactive(Speech, repaint=False)
    """What the model said when it was asked for more than names."""
    context_text: reactive[str] = reactive("", repaint=False)
    """The text that a person steps along, of which the last characters are the context to look into."""

    def __init__(self, config: RunConfig, preset: str, engine: EngineLink, named: bool) -> None:
        super().__init__(config, preset, engine)
        self._engine = engine
        self._named = named

    @abstractmethod
    def part(self, words: str) -> None:
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
                    self.post_message(EngineReported(event))
            except EngineOutdated as outdated:
                self.app.push_screen(ask_for_restart(outdated.version), self._restart_answered)
                return
            except EngineUnavailable as error:
                reason = str(error)
            restart, pause = False, self._engine.retry_in
            self.post_message(EngineReported(EngineLost(reason, pause)))
            if pause is None:
                return
            await asyncio.sleep(pause)

    def _restart_answered(self, yes: bool | None) -> None:
        if yes:
            self.listen(restart=True)
        else:
            self.part("")

    def reach(self) -> None:
        """Begin to listen to another engine."""
        self.conversation.reaching_again()
        self.run = self.conversation.view.run
        self.listen()

    def on_engine_reported(self, message: EngineReported) -> None:
        self.hear(message.event)

    def hear(self, event: AnyEvent | EngineLost) -> None:
        """Take in what the engine told, and show it."""
        before, known = self.conversation.state, self.conversation.view.run
        said = self.conversation.heard(event)
        view = self.conversation.view
        self.run, self.curve, self.probed, self.sampled = view.run, view.curve, view.layers, view.names
        self.inspection = view.inspection
        self.sampling = self.conversation.sampling
        if said is not None:
            self.notify(said.text, severity=said.severity, markup=False)
        if not isinstance(event, EngineLost):
            self.archive = archive_view.after(self.archive, event)
            self.speech = speech.after(self.speech, event)
            self.form = self._form_after(event, known)
        if self.conversation.state is not before or view.run.unfinished != known.unfinished:
            self.refresh_bindings()

    def _form_after(self, event: AnyEvent, known: RunView) -> FormView:
        """The form once `event` has happened to the run that was `known`; a run that was there before fills it."""
        if not isinstance(event, protocol.RunOpened) or event.run is None:
            return composing.after(self.form, event)
        named, self._named = self._named, False
        if event.state is State.READY or event.run == known.run:
            return composing.after(self.form, event)
        if named:
            return composing.beside(self.form, event.config)
        return composing.adopted(self.form, event.config, event.preset)
