"""Malformed frames: the engine lives, its memory stays bounded, and other viewers are served."""

from __future__ import annotations

import re
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from charwave_tui.client.launcher import start_engine
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.paths import log_path, socket_path
from charwave_tui.core.protocol.commands import (
    Command,
    DeleteRun,
    DescribeRun,
    EditRun,
    EvaluateSplits,
    ForkRun,
    ListRuns,
    OpenRun,
    PrepareRun,
    ProbeLayers,
    ReportStatus,
    RestoreRun,
    ResumeRun,
    RewindRun,
    SampleNames,
    ShowRun,
    StartRun,
)
from charwave_tui.core.protocol.events import EngineFailed, Event, Progress, RunChanged, RunOpened, StatusReported
from charwave_tui.core.protocol.framing import MAX_COMMAND_BYTES, decode_event, encode_frame

MOST_GROWTH = 32 * 2**20
"""Bytes by which the engine may have grown after all of it."""


LONGEST_SILENCE = 10.0
"""Seconds for which another viewer may have heard nothing of training, on the slowest machine."""


class HealthMonitor:
    """A screen that listens to its engine all the while: its newest step, and the longest it heard nothing of it."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(socket_path()))
        self.socket.settimeout(20)
        self.step = 0
        self.state: RunState | None = None
        self.longest_silence = 0.0
        self.asked = threading.Event()
        self.problem = ""
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def send(self, *commands: Command) -> None:
        self.socket.sendall(b"".join(map(encode_frame, commands)))

    def wait_further(self, seconds: float = 20) -> None:
        """Fail where training does not go on."""
        reached, deadline = self.step, time.monotonic() + seconds
        while self.step <= reached + 50:
            assert time.monotonic() < deadline, f"still at step {self.step}; {self.problem}"
            assert self.thread.is_alive(), self.problem
            time.sleep(0.02)

    def close(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(20)
        self.socket.close()

    def _watch(self) -> None:
        heard = time.monotonic()
        try:
            while True:
                match self._event():
                    case Progress(step=step):
                        self.longest_silence = max(self.longest_silence, time.monotonic() - heard)
                        heard = time.monotonic()
                        self.step = step
                    case RunOpened(state=state) | RunChanged(state=state):
                        self.state = state
                    case StatusReported():
                        self.asked.set()
                    case EngineFailed(problem=problem):
                        self.problem = problem
                        return
        except (OSError, EOFError) as error:
            self.problem = repr(error)

    def _event(self) -> Event:
        return decode_event(self._exactly(int.from_bytes(self._exactly(4), "big")))

    def _exactly(self, amount: int) -> bytes:
        got = b""
        while len(got) < amount:
            if not (more := self.socket.recv(amount - len(got))):
                raise EOFError("the engine hung up")
            got += more
        return got


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An engine process that is killed afterwards: what it was made to do is nobody's loss."""
    process = start_engine()
    while not socket_path().exists():
        assert process.poll() is None
        time.sleep(0.01)
    yield process
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.fixture
def monitor(engine: subprocess.Popen[bytes], tmp_path: Path) -> Iterator[HealthMonitor]:
    """A viewer of an engine that trains."""
    path = tmp_path / "words.txt"
    path.write_text("\n".join(a + b + c for a in "bdklm" for b in "aeiou" for c in "nrst"), "utf-8")
    monitor = HealthMonitor()
    monitor.send(StartRun(CONFIG.with_values({"corpus": str(path)}), ""))
    monitor.wait_further()
    monitor.longest_silence = 0.0
    yield monitor
    monitor.close()


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    if Path("/proc/self/status").exists():
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    else:
        found = re.search(r"(\d+)", subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)], text=True))
    assert found
    return int(found[1]) * 1024


CONFIG = RunConfig(
    context=2, fuse=(2,), n_embd=2, n_hidden=4, batch_size=4, max_steps=10_000_000, eval_every=10_000_000
)


numbers = st.sampled_from([0, 1, 2, -1, 2**31, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)])


commands = st.one_of(
    st.sampled_from(
        [
            *(ResumeRun(), RewindRun(), ProbeLayers(), ReportStatus()),
            *(ListRuns(), EvaluateSplits(()), EvaluateSplits((Split.VAL,) * 500)),
            *(EditRun(CONFIG), PrepareRun(CONFIG, "x" * 1_000)),
            StartRun(CONFIG.with_values({"corpus": "/nowhere"}), "", -1),
        ]
    ),
    st.builds(EditRun, st.from_type(RunConfig)),
    st.builds(SampleNames, st.builds(SamplingConfig, seed=numbers, count=st.sampled_from([-1, 0, 1, 10**9])), numbers),
    st.builds(ShowRun, numbers),
    st.builds(DeleteRun, numbers.filter(lambda run: run != 1)),
    st.builds(RestoreRun, numbers),
    st.builds(OpenRun, numbers.filter(lambda run: run != 1), st.booleans()),
    st.builds(ForkRun, numbers.filter(lambda run: run != 1)),
    st.builds(DescribeRun, numbers, st.text(max_size=80), st.text(max_size=600)),
)
"""Commands that leave the run in training."""


def _length(payload: bytes, claimed: int | None = None) -> bytes:
    return (len(payload) if claimed is None else claimed).to_bytes(4, "big") + payload


@st.composite
def fuzzed_frames(draw: st.DrawFn) -> bytes:
    """A good frame, or what became of one on the way."""
    good = encode_frame(draw(commands))
    where = draw(st.integers(0, len(good) - 1))
    match draw(
        st.sampled_from(["good", "good", "cut", "turned", "flipped", "claims", "noise", "event", "deep", "long"])
    ):
        case "cut":
            return good[:where]
        case "turned":
            return good[where:] + good[:where]
        case "flipped":
            return good[:where] + bytes([good[where] ^ draw(st.integers(1, 255))]) + good[where + 1 :]
        case "claims":
            return _length(
                good[4:], draw(st.sampled_from([0, 1, MAX_COMMAND_BYTES, MAX_COMMAND_BYTES + 1, 2**31, 2**32 - 1]))
            )
        case "noise":
            return _length(draw(st.binary(max_size=64)))
        case "event":
            return encode_frame(RunChanged(RunState.TRAINING, draw(numbers)))
        case "deep":
            return _length(b"\x82\xa4type\xa8PauseRun\xa4more" + b"\x91" * draw(st.integers(1, 20_000)))
        case "long":
            return _length(msgspec.msgpack.encode({"type": "PrepareRun", "preset": "x" * draw(st.integers(0, 2**16))}))
    return good


def send_frames(volley: bytes) -> None:
    """Send it all on a connection of its own, and wait until the engine has read it or hung up."""
    with socket.socket(socket.AF_UNIX) as gun:
        gun.settimeout(20)
        gun.connect(str(socket_path()))
        with suppress(BrokenPipeError, ConnectionResetError):
            gun.sendall(volley)
            gun.shutdown(socket.SHUT_WR)
            while gun.recv(2**16):
                pass


def run_fuzzing(examples: int, engine: subprocess.Popen[bytes], monitor: HealthMonitor) -> int:
    """Fire so many times five shots, each on a connection of its own after seven good frames; how many frames."""
    sent = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples < 1_000,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(commands, min_size=7, max_size=7), st.lists(fuzzed_frames(), min_size=5, max_size=5))
    def volley(head: list[Command], tail: list[bytes]) -> None:
        nonlocal sent
        for shot in tail:
            send_frames(b"".join([*map(encode_frame, head), shot]))
            sent += len(head) + 1

    lurking = []
    for cut in range(1, 31):  # frames that are never finished
        lurking.append(socket.socket(socket.AF_UNIX))
        lurking[-1].connect(str(socket_path()))
        lurking[-1].sendall(encode_frame(EditRun(CONFIG))[:cut])
    volley()
    for each in lurking:
        each.close()
    return sent


def assert_healthy(engine: subprocess.Popen[bytes], monitor: HealthMonitor, before: int) -> None:
    assert engine.poll() is None
    monitor.wait_further()
    assert monitor.state is RunState.TRAINING
    grown = resident(engine.pid) - before
    print(f"grown by {grown / 2**20:.1f} MiB; another viewer heard nothing for {monitor.longest_silence:.2f} s at most")
    assert monitor.longest_silence < LONGEST_SILENCE
    assert grown < MOST_GROWTH
    assert "Traceback" not in log_path().read_text("utf-8")


def test_ten_thousand_valid_and_invalid_frames(engine: subprocess.Popen[bytes], monitor: HealthMonitor) -> None:
    run_fuzzing(10, engine, monitor)  # what is loaded and made once is no growth
    before = resident(engine.pid)
    assert run_fuzzing(250, engine, monitor) == 10_000
    assert_healthy(engine, monitor, before)


@pytest.mark.soak
def test_million_frames_with_hundred_thousand_corrupted(
    engine: subprocess.Popen[bytes], monitor: HealthMonitor
) -> None:
    run_fuzzing(100, engine, monitor)
    before = resident(engine.pid)
    assert run_fuzzing(25_000, engine, monitor) == 1_000_000
    assert_healthy(engine, monitor, before)


FLOODS = (
    ProbeLayers(),
    SampleNames(SamplingConfig(count=1)),
    ReportStatus(),
    ListRuns(),
)


def test_floods_from_viewer_that_never_reads(engine: subprocess.Popen[bytes], monitor: HealthMonitor) -> None:
    before = resident(engine.pid)
    for flood in FLOODS:
        with socket.socket(socket.AF_UNIX) as gun:
            gun.connect(str(socket_path()))
            gun.settimeout(0.3)
            sent = 0
            with suppress(TimeoutError):
                while sent < 500_000:
                    sent += gun.send(encode_frame(flood) * 500)
            assert sent < 500_000, "it was all taken in"
            monitor.asked.clear()
            monitor.send(ReportStatus())
            assert monitor.asked.wait(5)
            assert_healthy(engine, monitor, before)


def test_flood_from_reading_viewer_leaves_time_for_steps(monitor: HealthMonitor) -> None:
    over = threading.Event()

    def flood() -> None:
        with socket.socket(socket.AF_UNIX) as gun:
            gun.connect(str(socket_path()))
            while not over.is_set():
                if select.select([gun], [gun], [], 1)[1]:
                    gun.send(encode_frame(ProbeLayers()) * 20)
                while select.select([gun], [], [], 0)[0]:
                    gun.recv(2**20)

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        time.sleep(0.5)
        monitor.wait_further(5)
        monitor.wait_further(5)
    finally:
        over.set()
        flooding.join()
