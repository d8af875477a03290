"""What the modes with a list of names share: copying, saving, starring, drawing again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from charwave_tui.core.protocol import SampleNames
from charwave_tui.core.readings import SampledName
from charwave_tui.ui.sampler.mode import Mode


class Listed(Mode):
    """A mode with `listed` names, one of which may be under a cursor."""

    @property
    @abstractmethod
    def listed(self) -> Sequence[SampledName]:
        """All names that are shown."""

    @property
    def here(self) -> SampledName | None:
        """The name under the cursor, if there is one."""
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("copy_all", "save"):
            return True if self.listed else None
        if action in ("copy", "star"):
            return True if self.here else None
        if action == "again":
            return True if self.ready else None
        return super().check_action(action, parameters)

    def action_copy(self) -> None:
        if self.here is not None:
            self.post_message(self.Kept((self.here,)))

    def action_copy_all(self) -> None:
        if self.listed:
            self.post_message(self.Kept(tuple(self.listed)))

    def action_save(self) -> None:
        if self.listed:
            self.post_message(self.Kept(tuple(self.listed), save=True))

    def action_again(self) -> None:
        if not self.ready:
            return
        if self.names.names and self.names.step == self.run.step:
            self.sampling = self.sampling.nudged("seed", +1)
        self.ask(SampleNames(self.sampling))
