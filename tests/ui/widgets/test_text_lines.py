"""Lines of pieces: those that stay are not made anew."""

from __future__ import annotations

from charwave_tui.ui.drawing.styled_text import Span, StyledLine
from charwave_tui.ui.widgets.text_lines import TextLines


class RenderCounter(TextLines):
    """Notes the lines it made strips of."""

    made: list[str] = []  # noqa: RUF012

    def _strip(self, line: StyledLine):
        self.made.append(line[0].text)
        return super()._strip(line)


async def test_line_rendered_once_until_content_or_theme_changes(widget_host: type) -> None:
    app = widget_host(RenderCounter)
    async with app.run_test(size=(20, 3)) as pilot:
        drawn = app.query_one(RenderCounter)

        async def shown(*texts: str) -> list[str]:
            drawn.made = []
            drawn.set_lines((Span(text),) for text in texts)
            await pilot.pause()
            assert app.screen_text().split() == list(texts)
            return drawn.made

        assert await shown("lr", "seed") == ["lr", "seed"]
        assert await shown("lr", "steps") == ["steps"]
        assert await shown("lr") == []
        assert await shown("lr", "steps", "step") == ["steps", "step"]
        app.theme = "charwave-light"
        assert sorted(await shown("lr", "steps", "step")) == ["lr", "step", "steps"]
