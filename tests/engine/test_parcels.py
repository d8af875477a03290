"""Corpora that are sent: in parts, once, and never where they do not belong."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from charwave_tui.core.archive import ListRuns
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.places import sent_dir
from charwave_tui.core.protocol import Event
from charwave_tui.core.sending import PART, CorpusPlaced, CorpusWanted, OfferCorpus, SendCorpus
from charwave_tui.engine.parcels import receive

CONTENT = "\n".join(f"name{number:06}" for number in range(12_000)).encode()
SHA = hashlib.sha256(CONTENT).hexdigest()


def told(command: OfferCorpus | SendCorpus) -> list[Event]:
    answers: list[Event] = []
    assert receive(command, answers.append)
    return answers


def parts(content: bytes = CONTENT, sha256: str = SHA) -> list[SendCorpus]:
    offsets = range(0, len(content), PART)
    return [SendCorpus(sha256, "words.txt", len(content), at, content[at : at + PART]) for at in offsets]


def test_a_corpus_is_wanted_until_its_last_part_has_come_and_then_it_is_there() -> None:
    assert told(OfferCorpus(SHA, "words.txt")) == [CorpusWanted(SHA)]
    *before, last = parts()
    assert len(before) > 1
    for part in before:
        assert told(part) == []
    assert told(OfferCorpus(SHA, "words.txt")) == [CorpusWanted(SHA)]
    (placed,) = told(last)
    assert isinstance(placed, CorpusPlaced)
    assert told(OfferCorpus(SHA, "words.txt")) == [placed]
    (path,) = (path for path in sent_dir().rglob("*") if path.is_file())
    assert (str(path), path.read_bytes()) == (placed.path, CONTENT)


def test_two_who_send_the_same_at_once_do_no_harm() -> None:
    one, two = parts(), parts()
    for pair in zip(one[:-1], two[:-1], strict=True):
        for part in pair:
            told(part)
    placed = [event for part in (one[-1], two[-1]) for event in told(part)]
    assert placed == [CorpusPlaced(SHA, str(sent_dir() / SHA[:16] / "words.txt"))] * 2


def test_what_did_not_arrive_as_it_was_sent_is_refused_and_can_be_sent_again() -> None:
    for part in parts(CONTENT[:-1] + b"?")[:-1]:
        told(part)
    with pytest.raises(Mistake, match=r"words\.txt did not arrive as it was sent; try again"):
        told(parts(CONTENT[:-1] + b"?")[-1])
    assert isinstance([event for part in parts() for event in told(part)][-1], CorpusPlaced)


@pytest.mark.parametrize(
    "command",
    [
        SendCorpus(SHA, "words.txt", 10, 8, b"123"),
        SendCorpus(SHA, "words.txt", 10, -1, b"1"),
        SendCorpus(SHA, "words.txt", 2**40, 0, b"1"),
        SendCorpus("../" + SHA[3:], "words.txt", 1, 0, b"1"),
        SendCorpus(SHA, "..", 1, 0, b"1"),
        SendCorpus(SHA, ".profile", 1, 0, b"1"),
        SendCorpus(SHA, "a\0b", 1, 0, b"1"),
        OfferCorpus("x" * 64, "words.txt"),
    ],
)
def test_what_does_not_belong_is_refused_and_nothing_is_written(command: OfferCorpus | SendCorpus) -> None:
    with pytest.raises(Mistake):
        receive(command, lambda event: None)
    assert not sent_dir().exists()


def test_a_path_in_the_name_does_not_leave_the_folder() -> None:
    *_, placed = (
        event
        for part in parts()
        for event in told(SendCorpus(SHA, "../../up/w.txt", part.size, part.offset, part.part))
    )
    assert isinstance(placed, CorpusPlaced)
    assert placed.path == str(sent_dir() / SHA[:16] / "w.txt")


def test_other_commands_are_left_to_others() -> None:
    assert not receive(ListRuns(), lambda event: None)
