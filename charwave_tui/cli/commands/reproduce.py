"""`charwave-tui reproduce`: train the published recipes, and compare with the published losses."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

from charwave_tui.cli.commands.train import run_summary_json
from charwave_tui.cli.output import print_json
from charwave_tui.cli.parallel_training import Job, train_in_parallel
from charwave_tui.cli.progress import progress_listeners
from charwave_tui.core.config.presets import Published, get_preset, presets
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.value_types import IntRange
from charwave_tui.core.corpus.registry import LECTURE_SHA256, find_corpus, resolve_corpus_name
from charwave_tui.core.escaping import escape_invisible
from charwave_tui.core.metrics import RunState
from charwave_tui.core.store.run_record import RunRecord

TOLERANCE = 0.012  # nats per character by which a run of the same recipe may differ from the published val
BEYOND_TOLERANCE = "(!)"
HEADINGS = ("preset", "parameters", "train published", "train", "val published", "val", "difference", "time")
UNSEEN_HEADING, UNSEEN_COLUMN = "val unseen", HEADINGS.index("difference")  # only where a run has that loss
JOBS = IntRange(1, 64)


@dataclass(frozen=True, slots=True)
class PublishedComparison:
    """A run of a preset, and what was published for it."""

    preset: str
    record: RunRecord
    published: Published | None

    @property
    def applies(self) -> bool:
        """Whether they can be compared: all steps are taken, on the lecture's names."""
        return self.record.state is RunState.FINISHED and self.record.corpus.sha256 == LECTURE_SHA256

    @property
    def difference(self) -> float | None:
        """Measured val less published val, where there are both."""
        if not self.applies or self.record.val is None or self.published is None or self.published.val is None:
            return None
        return self.record.val - self.published.val

    @property
    def within(self) -> bool | None:
        """Whether the difference is within TOLERANCE."""
        return None if self.difference is None else abs(self.difference) <= TOLERANCE


def as_json(rows: Sequence[PublishedComparison]) -> list[dict[str, Any]]:
    """Return what `train --json` prints for each run, and the comparison; None where a value is missing."""
    return [
        {
            **run_summary_json(row.record),
            "published": asdict(row.published) if row.applies and row.published else None,
            "difference": None if row.difference is None else round(row.difference, 6),
            "within": row.within,
        }
        for row in rows
    ]


def as_markdown(rows: Sequence[PublishedComparison]) -> Iterator[str]:
    """Yield a table with a row for each run, and below it the meaning of its marks."""
    table = [[*HEADINGS], *([*_cells(row)] for row in rows)]
    if any(row.record.val_unseen is not None for row in rows):
        for cells, text in zip(table, [UNSEEN_HEADING, *(_loss(row.record.val_unseen) for row in rows)], strict=True):
            cells.insert(UNSEEN_COLUMN, text)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    table.insert(1, [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])])
    for preset, *values in table:
        cells = [preset.ljust(widths[0]), *map(str.rjust, values, widths[1:])]
        yield f"| {' | '.join(cells)} |"
    if any(row.within is False for row in rows):
        yield f"\n{BEYOND_TOLERANCE} further than {TOLERANCE} from the published val"


def _cells(row: PublishedComparison) -> tuple[str, ...]:
    record, published = row.record, row.published if row.applies else None
    parameters = f"{record.parameters:,}"
    if published and published.parameters != record.parameters:
        parameters += f" (published {published.parameters:,})"
    val = published.val if published else None
    remark = published.remark if published and val is None else ""
    mark = "" if row.within else f" {BEYOND_TOLERANCE}"
    is_finished = record.state is RunState.FINISHED
    return (
        row.preset,
        parameters,
        _loss(published.train if published else None),
        _loss(record.train),
        remark or _loss(val),
        _loss(record.val) if is_finished else f"{record.state.value} at step {record.step:,}",
        "–" if row.difference is None else f"{row.difference:+.4f}{mark}",
        f"{record.seconds:,.0f} s",
    )


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("reproduce", help="train the published recipes and compare, some minutes each")
    parser.add_argument("presets", metavar="PRESET", nargs="*", help="which recipes (all that have a published loss)")
    corpus = "the words; the published losses are for the lecture's"
    parser.add_argument("--corpus", metavar="C", default=argparse.SUPPRESS, help=corpus)
    parser.add_argument(
        "--jobs", metavar="N", default="1", help="runs at a time, each with the threads of its preset (1)"
    )
    parser.add_argument("--json", action="store_true", help="print an array of objects, one a run")
    parser.set_defaults(func=reproduce)


def reproduce(options: argparse.Namespace) -> int:
    """Train the recipes unchanged, and print published and measured losses.

    On Ctrl+C the finished runs are printed, with 130; 2 where a run could not be trained or saved, which stderr says.
    """
    # on SIGTERM too, the child processes are ended, as after Ctrl+C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = options.presets or [name for name, preset in presets().items() if preset.published]
    chosen = {name: get_preset(name) for name in names}
    processes = JOBS.parse("jobs", options.jobs)
    assert isinstance(processes, int)
    corpus = resolve_corpus_name(options.corpus or RunConfig().corpus)
    if find_corpus(corpus).sha256 != LECTURE_SHA256:
        note = f"{corpus} is not the lecture's list of names: the published losses do not apply"
        print(escape_invisible(note), file=sys.stderr)
    jobs = [Job(name, replace(preset.config, corpus=corpus)) for name, preset in chosen.items()]
    rows: dict[str, PublishedComparison] = {}
    code = 0
    try:
        with (
            progress_listeners() as make_listener,
            closing(train_in_parallel(jobs, processes, make_listener)) as results,
        ):
            for result in results:
                if result.record is None:
                    print(f"{result.name}: {result.problem}", file=sys.stderr)
                    code = 2
                    continue
                if result.record.state is RunState.DIVERGED:
                    print(f"{result.name}: the loss was not finite at step {result.record.step:,}", file=sys.stderr)
                    code = 2
                rows[result.name] = PublishedComparison(result.name, result.record, chosen[result.name].published)
    except KeyboardInterrupt:
        code = 130
    in_order = [rows[name] for name in chosen if name in rows]
    if options.json:
        print_json(as_json(in_order))
    elif in_order:
        print("\n".join(as_markdown(in_order)))
    return code
