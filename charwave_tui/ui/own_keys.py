"""A widget that acts on its keys in the order in which they were typed."""

from __future__ import annotations

from textual import events
from textual.widget import Widget


class OwnKeys(Widget):
    """A widget whose own bindings are obeyed as soon as their key arrives.

    Textual looks bindings up only once a key has bubbled to the app, so that of keys typed in one burst (a slow line
    delivers them so) letters could overtake arrows and Enter, and mean something else than they were typed for.
    """

    async def _on_key(self, event: events.Key) -> None:
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            event.stop()
            event.prevent_default()
            await self.run_action(binding.action)
