"""Corpora that are sent: in parts, once, and never where they do not belong."""

from __future__ import annotations

import hashlib

import pytest

from charwave_tui.core.archive import ListRuns
from charwave_tui.core.places import sent_dir
from charwave_tui.core.protocol import Event
from charwave_tui.core.sending import PART, CorpusPlaced, CorpusRefused, CorpusWanted, OfferCorpus, SendCorpus
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


def test_corpus_requested_until_last_chunk_then_stored() -> None:
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


def test_concurrent_uploads_of_same_corpus_are_safe() -> None:
    one, two = parts(), parts()
    for pair in zip(one[:-1], two[:-1], strict=True):
        for part in pair:
            told(part)
    placed = [event for part in (one[-1], two[-1]) for event in told(part)]
    assert placed == [CorpusPlaced(SHA, str(sent_dir() / SHA[:16] / "words.txt"))] * 2


def test_corrupt_upload_refused_and_can_be_repeated() -> None:
    for part in parts(CONTENT[:-1] + b"?")[:-1]:
        told(part)
    assert told(parts(CONTENT[:-1] + b"?")[-1]) == [
        CorpusRefused(SHA, "words.txt did not arrive as it was sent", "try again")
    ]
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
        SendCorpus(SHA, "名" * 90, 1, 0, b"1"),
        OfferCorpus("x" * 64, "words.txt"),
    ],
)
def test_unrequested_chunk_refused_and_nothing_written(command: OfferCorpus | SendCorpus) -> None:
    (refused,) = told(command)
    assert isinstance(refused, CorpusRefused)
    assert refused.problem
    assert refused.remedy
    assert not sent_dir().exists()


def test_impossible_file_name_refused_anywhere() -> None:
    for part in parts():
        told(part)
    (hidden,) = told(OfferCorpus(SHA, ".words.txt"))
    assert isinstance(hidden, CorpusRefused)
    assert hidden.problem == "the hidden file .words.txt is not sent along"
    (refused,) = told(OfferCorpus(SHA, "名" * 150))
    assert isinstance(refused, CorpusRefused)
    assert refused.problem == f"the name of the corpus {'名' * 150} is too long to be kept there"


def test_unwritable_folder_reported_with_reason() -> None:
    sent_dir().parent.mkdir(parents=True)
    sent_dir().write_text("no folder", "utf-8")
    (refused,) = told(parts()[0])
    assert isinstance(refused, CorpusRefused)
    assert str(sent_dir()) in refused.problem
    assert refused.remedy


def test_path_in_name_cannot_leave_folder() -> None:
    *_, placed = (
        event
        for part in parts()
        for event in told(SendCorpus(SHA, "../../up/w.txt", part.size, part.offset, part.part))
    )
    assert isinstance(placed, CorpusPlaced)
    assert placed.path == str(sent_dir() / SHA[:16] / "w.txt")


def test_other_commands_passed_on() -> None:
    assert not receive(ListRuns(), lambda event: None)
