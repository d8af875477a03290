"""What is told and kept of a run: frozen values made of its parts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from charwave_tui.core.corpora import LECTURE_SHA256
from charwave_tui.core.presets import presets
from charwave_tui.core.protocol import RunOpened
from charwave_tui.core.readings import Divergence, Ghost, Split, State
from charwave_tui.core.records import RunRecord
from charwave_tui.engine.checkpoint import Save
from charwave_tui.engine.course import Course, Pace
from charwave_tui.engine.trainer import Trainer


@dataclass(slots=True)
class Identity:
    """Which run it is: its number, None before it has one, and where it comes from.

    `asked` is the time.monotonic() from which its seconds count, `ghost` the run whose course stands behind its own.
    """

    preset: str
    number: int | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    asked: float = field(default_factory=time.monotonic)
    ghost: int | None = None


def opened(
    identity: Identity,
    state: State,
    trainer: Trainer,
    course: Course,
    ghost: Ghost | None,
    divergence: Divergence | None,
    unsaved: str,
) -> RunOpened:
    """The whole of a run, for a viewer who knows nothing yet."""
    corpus = trainer.corpus.card()
    return RunOpened(
        run=identity.number,
        preset=identity.preset,
        config=trainer.config,
        corpus=corpus,
        parameters=trainer.parameters,
        device=str(trainer.device),
        published=_published(identity.preset) if corpus.sha256 == LECTURE_SHA256 else None,
        state=state,
        step=divergence.step if divergence else trainer.step,
        history=course.history(),
        ghost=ghost,
        divergence=divergence,
        unsaved=unsaved,
        timeline=course.timeline,
    )


def recorded(
    identity: Identity, state: State, trainer: Trainer, course: Course, pace: Pace, divergence: Divergence | None
) -> RunRecord:
    """A numbered run as it is kept."""
    assert identity.number is not None
    step = divergence.step if divergence else trainer.step
    train, val = (course.evaluation(split, step) for split in (Split.TRAIN, Split.VAL))
    return RunRecord(
        run=identity.number,
        preset=identity.preset,
        config=trainer.config,
        corpus=trainer.corpus.card(),
        parameters=trainer.parameters,
        state=state,
        step=step,
        created=identity.created,
        seconds=time.monotonic() - identity.asked,
        training_seconds=pace.seconds,
        first_loss=trainer.first_loss,
        train=train.loss if train else None,
        val=val.loss if val else None,
        history=course.history(trainer.partial),
        divergence=divergence,
        ghost=identity.ghost,
    )


def saved(record: RunRecord, trainer: Trainer, course: Course, allowance: int) -> Save:
    """All that the run of `record` needs to go on to the bit from here."""
    history, standing = course.kept(trainer.window.losses, allowance)
    standing = msgspec.structs.replace(
        standing, ratios=trainer.movement.ratios, changes=trainer.movement.changes.kept()
    )
    return Save(msgspec.structs.replace(record, history=history), standing, trainer.weights())


def continued(record: RunRecord) -> Identity:
    """The identity of a run that goes on from its record."""
    asked = time.monotonic() - record.seconds
    return Identity(record.preset, record.run, record.created, asked, record.ghost)


def _published(preset: str) -> float | None:
    known = presets().get(preset)
    return known.published.val if known is not None and known.published is not None else None
