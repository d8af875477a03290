"""What was published for a recipe beside what a run of it came to here, as JSON and as a table in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from charwave_tui.cli.train import summary
from charwave_tui.core.corpora import LECTURE_SHA256
from charwave_tui.core.presets import Published
from charwave_tui.core.readings import State
from charwave_tui.core.records import RunRecord

TOLERANCE = 0.012
"""How far from the published val, in nats per character, a run of the same recipe may come out."""

BEYOND = "(!)"
"""What marks a val that is further off."""

HEADINGS = ("preset", "parameters", "train published", "train", "val published", "val", "difference", "time")
"""The columns."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run of a preset, and what was published for it."""

    preset: str
    record: RunRecord
    published: Published | None

    @property
    def applies(self) -> bool:
        """Whether the two may be compared: all steps are taken, on the lecture's names."""
        return self.record.state is State.FINISHED and self.record.corpus.sha256 == LECTURE_SHA256

    @property
    def difference(self) -> float | None:
        """Measured val less published val, where there are both."""
        if not self.applies or self.record.val is None or self.published is None or self.published.val is None:
            return None
        return self.record.val - self.published.val

    @property
    def within(self) -> bool | None:
        """Whether that is within TOLERANCE."""
        return None if self.difference is None else abs(self.difference) <= TOLERANCE


def as_json(rows: Sequence[Comparison]) -> list[dict[str, Any]]:
    """What `train --json` prints of each run, and the comparison; None where a figure is missing or none applies."""
    return [
        {
            **summary(row.record),
            "published": asdict(row.published) if row.applies and row.published else None,
            "difference": None if row.difference is None else round(row.difference, 6),
            "within": row.within,
        }
        for row in rows
    ]


def as_markdown(rows: Sequence[Comparison]) -> Iterator[str]:
    """A table with a row a run, and below it what its marks mean."""
    table = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    table.insert(1, (":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])))
    for name, *figures in table:
        cells = [name.ljust(widths[0]), *map(str.rjust, figures, widths[1:])]
        yield f"| {' | '.join(cells)} |"
    if any(row.within is False for row in rows):
        yield f"\n{BEYOND} further than {TOLERANCE} from the published val"


def _cells(row: Comparison) -> tuple[str, ...]:
    record, published = row.record, row.published if row.applies else None
    parameters = f"{record.parameters:,}"
    if published and published.parameters != record.parameters:
        parameters += f" (published {published.parameters:,})"
    val = published.val if published else None
    said = published.remark if published and val is None else ""
    finished = record.state is State.FINISHED
    difference = "–" if row.difference is None else f"{row.difference:+.4f}{'' if row.within else f' {BEYOND}'}"
    return (
        row.preset,
        parameters,
        _loss(published.train if published else None),
        _loss(record.train),
        said or _loss(val),
        _loss(record.val) if finished else f"{record.state.value} at step {record.step:,}",
        difference,
        f"{record.seconds:,.0f} s",
    )


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
