"""The half of the sampler's screen that lets names be kept: copied to the clipboard, or written to a file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import SampledName
from charwave_tui.ui.sampler.mode import Mode
from charwave_tui.ui.sampler.notebook import Notebook
from charwave_tui.ui.sampler.save_row import SaveRow
from charwave_tui.ui.sampler.saving import write
from charwave_tui.ui.screens.confirm import Answer, ConfirmScreen
from charwave_tui.ui.screens.covering import Covering


class Keeping(Covering[Notebook]):
    """A screen on whose modes names can be kept."""

    def __init__(self) -> None:
        super().__init__()
        self.save_row = SaveRow()

    @property
    @abstractmethod
    def current(self) -> Mode:
        """The mode that is seen."""

    def on_mode_kept(self, message: Mode.Kept) -> None:
        message.stop()
        if message.save:
            self.save_row.open(message.names)
            return
        names = [item.name for item in message.names]
        self.app.copy_to_clipboard("\n".join(names))
        what = names[0] if len(names) == 1 else f"{len(names):,} names"
        self.notify(f"{what} copied, if the terminal lets programs do so", markup=False)

    def on_save_row_closed(self, message: SaveRow.Closed) -> None:
        message.stop()
        self.current.take_keys()

    def on_save_row_named(self, message: SaveRow.Named) -> None:
        message.stop()
        if message.path.exists():
            question = ConfirmScreen(
                "Save",
                f"{message.path} is there already.",
                [Answer(("r",), "replace it", True), Answer(("enter", "escape"), "leave it as it is", False)],
            )
            self.app.push_screen(question, partial(self._replace, message.path, message.names))
        else:
            self._write(message.path, message.names)

    def _replace(self, path: Path, names: Sequence[SampledName], yes: bool | None) -> None:
        if yes:
            self._write(path, names)

    def _write(self, path: Path, names: Sequence[SampledName]) -> None:
        try:
            write(path, names)
        except Mistake as mistake:
            self.notify(f"{mistake.problem}\n{mistake.remedy}", severity="warning", markup=False)
        else:
            self.notify(f"{len(names):,} names saved\n{path}", markup=False)
