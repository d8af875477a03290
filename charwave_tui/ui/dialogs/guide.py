"""The guide: its Markdown pages with links and a table of contents."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import MarkdownViewer

from charwave_tui.core.paths import guide_pages
from charwave_tui.ui.dialogs.pick import Option, PickDialog
from charwave_tui.ui.keymap import GUIDE_KEYS
from charwave_tui.ui.widgets.key_bar import KeyBar

_MIN_CONTENTS_WIDTH = 100  # columns of the terminal below which the table of contents is hidden at first
_INDEX_ROW = re.compile(r"^\| \[.+?\]\((\w+)\.md\) \| (.+?) \|$", re.MULTILINE)


class _PageViewer(MarkdownViewer):
    """Textual's viewer, which follows only links to pages of the guide."""

    async def go(self, location: str | PurePath) -> None:
        path, _ = self.document.sanitize_location(str(location))
        if str(path) != "." and path.stem not in guide_pages():
            self.notify(f"{path.name} is not a page of the guide; it is in the repository", markup=False)
            return
        await super().go(location)


class GuideScreen(Screen[None]):
    """A page of the guide; links, the list of pages and the table of contents lead on."""

    CSS_PATH = "guide.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*GUIDE_KEYS]

    def __init__(self, page: str = "index") -> None:
        super().__init__()
        self._first_page = page
        # Markdown would open a link in a browser besides
        self._viewer = _PageViewer(open_links=False)

    def compose(self) -> ComposeResult:
        yield self._viewer
        yield KeyBar(id="keys")

    async def on_mount(self) -> None:
        self._viewer.document.focus()
        await self._viewer.go(guide_pages()[self._first_page])

    def on_resize(self) -> None:
        self._viewer.show_table_of_contents = self.size.width >= _MIN_CONTENTS_WIDTH

    @on(MarkdownViewer.NavigatorUpdated)
    def start_page(self) -> None:
        if "#" not in self._viewer.navigator.location.name:
            self._viewer.scroll_home(animate=False)
        self.refresh_bindings()  # whether there is a previous page

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "previous_page" and self._viewer.navigator.start:
            return None
        return super().check_action(action, parameters)

    def action_choose_page(self) -> None:
        current = self._viewer.navigator.location.stem
        self.app.push_screen(PickDialog("Pages of the guide", _page_options(), current=current), self._open_page)

    async def _open_page(self, name: str | None) -> None:
        if name is not None:
            await self._viewer.go(guide_pages()[name])

    def action_toggle_contents(self) -> None:
        self._viewer.show_table_of_contents ^= True
        self._viewer.document.focus()

    async def action_previous_page(self) -> None:
        await self._viewer.back()

    def action_scroll(self, lines: int) -> None:
        self._viewer.scroll_relative(y=lines, animate=False)

    def action_leave(self) -> None:
        self.dismiss(None)


def _page_options() -> list[Option]:
    """Return the index and the pages in the order of its table, each with what the table says about it."""
    rows = _INDEX_ROW.findall(guide_pages()["index"].read_text("utf-8"))
    return [Option("index", "index", "all pages"), *(Option(page, page, about) for page, about in rows)]
