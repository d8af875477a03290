"""Lines of spans: unchanged ones are not rendered again."""

from __future__ import annotations

from charwave_tui.ui.drawing.styled_text import Span, StyledLine
from charwave_tui.ui.widgets.text_lines import TextLines


class RenderCounter(TextLines):
    """Records the lines that it rendered."""

    rendered: list[str] = []  # noqa: RUF012

    def _strip(self, line: StyledLine):
        self.rendered.append(line[0].text)
        return super()._strip(line)


async def test_line_rendered_once_until_content_or_theme_changes(widget_host: type) -> None:
    app = widget_host(RenderCounter)
    async with app.run_test(size=(20, 3)) as pilot:
        widget = app.query_one(RenderCounter)

        async def show(*texts: str) -> list[str]:
            widget.rendered = []
            widget.set_lines((Span(text),) for text in texts)
            await pilot.pause()
            assert app.screen_text().split() == list(texts)
            return widget.rendered

        assert await show("lr", "seed") == ["lr", "seed"]
        assert await show("lr", "steps") == ["steps"]
        assert await show("lr") == []
        assert await show("lr", "steps", "step") == ["steps", "step"]
        app.theme = "charwave-light"
        assert sorted(await show("lr", "steps", "step")) == ["lr", "step", "steps"]
