"""Fixtures that every room's tests share."""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import strategies as st

from charwave_tui.client.launcher import stop_engine
from charwave_tui.core.config.receptive_field import receptive_field
from charwave_tui.core.config.run_config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.config.value_types import Choice, FloatRange, IntRange, ValueType
from charwave_tui.core.corpus.registry import LECTURE_SHA256, DownloadSource
from charwave_tui.core.openmp import set_passive_wait_policy
from charwave_tui.core.paths import HOME_VARIABLE, asset_path
from charwave_tui.core.protocol.engine_socket import engine_is_running

# The terminal that the tests are run from shall not change what they see.
os.environ["TERM"] = "xterm-256color"


for variable in ("COLORTERM", "COLORFGBG", "NO_COLOR"):
    os.environ.pop(variable, None)


# Before any test imports torch: spinning threads would starve each other on a small machine.
set_passive_wait_policy()


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores, for many tests wait: for an engine to start, a frame, a terminal."""
    return (os.cpu_count() or 1) + 1


LECTURE_WORDS = Path(__file__).parents[2] / "shared" / "data" / "names.txt"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that takes the place of the user's, for every test and the processes it starts; no engine stays."""
    folder = tmp_path / "home"
    monkeypatch.setenv(HOME_VARIABLE, str(folder))
    yield folder
    monkeypatch.setenv(HOME_VARIABLE, str(folder))  # whatever the test made of it
    if engine_is_running():
        asyncio.run(stop_engine())


@pytest.fixture
def lecture_words() -> Path:
    """The lecture's names.txt, which is not part of the project."""
    if not LECTURE_WORDS.is_file():
        pytest.skip(f"the lecture's list is not at {LECTURE_WORDS}")
    assert hashlib.sha256(LECTURE_WORDS.read_bytes()).hexdigest() == LECTURE_SHA256
    return LECTURE_WORDS


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """Gives a context in which permissions count, even where root runs the tests."""

    @contextmanager
    def dropped() -> Iterator[None]:
        if os.getuid() != 0:
            yield
            return
        closed = [folder for folder in asset_path().parents if folder.stat().st_mode & 0o005 != 0o005]
        if closed:
            pytest.skip(f"without root's rights the program cannot be read: {closed[0]} is closed to others")
        os.setresuid(65534, 65534, 0)
        try:
            yield
        finally:
            os.setresuid(0, 0, 0)

    return dropped


@pytest.fixture
def full_disk() -> Callable[..., AbstractContextManager[None]]:
    """Gives a context in which no file of this process can grow beyond so many bytes, none by default."""

    @contextmanager
    def full(size: int = 0) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full


@pytest.fixture
def other_process() -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts another process with some code, which has come so far as to print a line."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


class CorpusServer:
    """A server on 127.0.0.1 whose one answer a test sets; `content_length` is the Content-Length, −1 for none."""

    def __init__(self) -> None:
        self.body = b""
        self.content_length = 0
        self.status = 200
        self.may_reply = threading.Event()
        self.may_reply.set()
        self.requests = 0
        self.url = ""

    def reply_with(self, body: bytes, content_length: int | None = None, status: int = 200) -> DownloadSource:
        """Answer with `body` from now on; gives the source that expects just that."""
        self.body, self.status = body, status
        self.content_length = len(body) if content_length is None else content_length
        return DownloadSource("makemore", self.url, hashlib.sha256(body).hexdigest())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CorpusServer]:
    """A running CorpusServer."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = CorpusServer()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests += 1
            state.may_reply.wait(10)
            self.send_response(state.status)
            if state.content_length != -1:
                self.send_header("Content-Length", str(state.content_length))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as listening:
        state.url = f"http://127.0.0.1:{listening.server_address[1]}/names.txt"
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        yield state
        state.may_reply.set()
        listening.shutdown()
        thread.join()


def _values(kind: ValueType) -> st.SearchStrategy[object]:
    match kind:
        case IntRange():
            return st.integers(kind.low, kind.high)
        case FloatRange():
            return st.floats(kind.low, kind.high, exclude_min=not kind.closed, allow_subnormal=False)
        case Choice():
            return st.sampled_from(kind.options)
    return st.sampled_from(["names", "makemore", "~/my words.txt", "имена"])


_fuse = st.one_of(
    st.lists(st.integers(1, 8), min_size=1, max_size=6).map(tuple).filter(lambda fuse: math.prod(fuse) <= 64),
    st.integers(1, 64).map(lambda whole: (whole,)),
)


_dilations = st.one_of(
    st.just(()),
    st.lists(st.integers(1, 16), min_size=1, max_size=12).map(tuple).filter(lambda steps: sum(steps) < 64),
)


@st.composite
def _configs(draw: st.DrawFn) -> RunConfig:
    fuse, dilations = draw(_fuse), draw(_dilations)
    lists = ("context", "fuse", "dilations")
    others = {name: draw(_values(spec.value_type)) for name, spec in HYPERPARAMETERS.items() if name not in lists}
    if others["norm"] == "batch-bug":
        others["batches"] = "windows"
    if others["step"] == "plain":
        others["precision"] = "float32"
    return RunConfig(context=receptive_field(fuse, dilations), fuse=fuse, dilations=dilations, **others)


# `st.from_type(RunConfig)` gives sound configurations in every test.
st.register_type_strategy(RunConfig, _configs())
