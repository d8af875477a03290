"""Uploaded corpora: sent in parts, once, and never stored outside their folder."""

from __future__ import annotations

import hashlib

import pytest

from charwave_tui.core.paths import uploaded_corpora_dir
from charwave_tui.core.protocol.commands import UPLOAD_CHUNK_BYTES, OfferCorpus, UploadCorpusPart
from charwave_tui.core.protocol.events import CorpusRefused, CorpusRequested, CorpusStored, Event
from charwave_tui.engine.service.corpus_upload import handle_upload

CONTENT = "\n".join(f"name{number:06}" for number in range(12_000)).encode()


SHA = hashlib.sha256(CONTENT).hexdigest()


def events_for(command: OfferCorpus | UploadCorpusPart) -> list[Event]:
    replies: list[Event] = []
    handle_upload(command, replies.append)
    return replies


def upload_chunks(content: bytes = CONTENT, sha256: str = SHA) -> list[UploadCorpusPart]:
    offsets = range(0, len(content), UPLOAD_CHUNK_BYTES)
    return [
        UploadCorpusPart(sha256, "words.txt", len(content), at, content[at : at + UPLOAD_CHUNK_BYTES]) for at in offsets
    ]


def test_corpus_requested_until_last_chunk_then_stored() -> None:
    assert events_for(OfferCorpus(SHA, "words.txt")) == [CorpusRequested(SHA)]
    *before, last = upload_chunks()
    assert len(before) > 1
    for part in before:
        assert events_for(part) == []
    assert events_for(OfferCorpus(SHA, "words.txt")) == [CorpusRequested(SHA)]
    (placed,) = events_for(last)
    assert isinstance(placed, CorpusStored)
    assert events_for(OfferCorpus(SHA, "words.txt")) == [placed]
    (path,) = (path for path in uploaded_corpora_dir().rglob("*") if path.is_file())
    assert (str(path), path.read_bytes()) == (placed.path, CONTENT)


def test_concurrent_uploads_of_same_corpus_are_safe() -> None:
    one, two = upload_chunks(), upload_chunks()
    for pair in zip(one[:-1], two[:-1], strict=True):
        for part in pair:
            events_for(part)
    placed = [event for part in (one[-1], two[-1]) for event in events_for(part)]
    assert placed == [CorpusStored(SHA, str(uploaded_corpora_dir() / SHA[:16] / "words.txt"))] * 2


def test_corrupt_upload_refused_and_can_be_repeated() -> None:
    for part in upload_chunks(CONTENT[:-1] + b"?")[:-1]:
        events_for(part)
    assert events_for(upload_chunks(CONTENT[:-1] + b"?")[-1]) == [
        CorpusRefused(SHA, "words.txt did not arrive as it was sent", "try again")
    ]
    assert isinstance([event for part in upload_chunks() for event in events_for(part)][-1], CorpusStored)


@pytest.mark.parametrize(
    "command",
    [
        UploadCorpusPart(SHA, "words.txt", 10, 8, b"123"),
        UploadCorpusPart(SHA, "words.txt", 10, -1, b"1"),
        UploadCorpusPart(SHA, "words.txt", 2**40, 0, b"1"),
        UploadCorpusPart("../" + SHA[3:], "words.txt", 1, 0, b"1"),
        UploadCorpusPart(SHA, "..", 1, 0, b"1"),
        UploadCorpusPart(SHA, ".profile", 1, 0, b"1"),
        UploadCorpusPart(SHA, "a\0b", 1, 0, b"1"),
        UploadCorpusPart(SHA, "名" * 90, 1, 0, b"1"),
        OfferCorpus("x" * 64, "words.txt"),
    ],
)
def test_unrequested_chunk_refused_and_nothing_written(command: OfferCorpus | UploadCorpusPart) -> None:
    (refused,) = events_for(command)
    assert isinstance(refused, CorpusRefused)
    assert refused.problem
    assert refused.remedy
    assert not uploaded_corpora_dir().exists()


def test_impossible_file_name_refused_anywhere() -> None:
    for part in upload_chunks():
        events_for(part)
    (hidden,) = events_for(OfferCorpus(SHA, ".words.txt"))
    assert isinstance(hidden, CorpusRefused)
    assert hidden.problem == "the hidden file .words.txt is not sent along"
    (refused,) = events_for(OfferCorpus(SHA, "名" * 150))
    assert isinstance(refused, CorpusRefused)
    assert refused.problem == f"the name of the corpus {'名' * 150} is too long to be kept there"


def test_unwritable_folder_reported_with_reason() -> None:
    uploaded_corpora_dir().parent.mkdir(parents=True)
    uploaded_corpora_dir().write_text("no folder", "utf-8")
    (refused,) = events_for(upload_chunks()[0])
    assert isinstance(refused, CorpusRefused)
    assert str(uploaded_corpora_dir()) in refused.problem
    assert refused.remedy


def test_path_in_name_cannot_leave_folder() -> None:
    *_, placed = (
        event
        for part in upload_chunks()
        for event in events_for(UploadCorpusPart(SHA, "../../up/w.txt", part.size, part.offset, part.part))
    )
    assert isinstance(placed, CorpusStored)
    assert placed.path == str(uploaded_corpora_dir() / SHA[:16] / "w.txt")
