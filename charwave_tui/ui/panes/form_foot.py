"""What may stand below the form's rows: the draft's summary and help, from the fullest to the leanest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from charwave_tui.ui.draft import Trial
from charwave_tui.ui.panes.form_help import about_lines, help_lines
from charwave_tui.ui.panes.summary import summary_lines, wide_summary_lines
from charwave_tui.ui.pieces import Line, beside, rule

_ROOMY = 40


@dataclass(frozen=True, slots=True)
class Foot:
    """The summary below the first column, at the bottom the help, and what of them stands in the border.

    `airy`: only where the headings have air as well; `lean`: only where there is no room for a better one.
    """

    summary: tuple[Line, ...]
    help: tuple[Line, ...]
    border: Line = ()
    airy: bool = False
    lean: bool = False

    @property
    def height(self) -> int:
        """Lines that it takes."""
        return len(self.summary) + len(self.help)


def feet(tried: Trial, here: str, widths: Sequence[int], width: int) -> Iterator[Foot]:
    """Every foot for columns of `widths` in a form of `width` columns, richest first; the last has no lines at all.

    Beside a second column the summary has its place at the right of the help.
    """
    said = help_lines(tried, here, width if len(widths) == 1 else widths[0])
    about = about_lines(tried.view, here, width if len(widths) == 1 else widths[0])
    short = summary_lines(tried, widths[-1])
    wide = wide_summary_lines(tried, widths[-1]) if widths[-1] >= _ROOMY else ()
    ruled, titled = rule((), width), rule(said[0], width)
    if len(widths) == 1:
        if wide:
            yield Foot(wide, (ruled, *said, *about), airy=True)
            yield Foot(wide, (ruled, *said))
        yield Foot(short, (ruled, *said, *about), airy=True)
        yield Foot(short, (ruled, *said))
        yield Foot(short, (titled, *said[1:]))
        shapes, count = short
        border = summary_lines(tried, widths[0] - 2)[1]  # which has its own ends
        if tried.typing:  # and so has read what the field does, and would rather see what it does to the shapes
            yield Foot(short, (titled, said[2]))
            yield Foot((shapes,), (titled, said[2]), border=border)
        else:
            yield Foot((count,), (titled, *said[1:]))
            yield Foot((), (titled, *said[1:]), border=border)
    else:
        for summary in filter(None, (wide, short)):
            yield Foot((), (ruled, *_halves((*said, *about), summary, widths)), airy=True)
        yield Foot((), (ruled, *_halves(said, short, widths)))
        yield Foot((), (titled, *_halves(said[1:], short, widths)))
    yield Foot((), (titled, *said[1:2]), lean=True)
    yield Foot((), (), lean=True)


def _halves(left: Sequence[Line], right: Sequence[Line], widths: Sequence[int]) -> Iterator[Line]:
    for cells in zip_longest(left, right, fillvalue=()):
        yield beside(cells, widths)
