"""An engine on another machine: a real sshd on 127.0.0.1, behind which a folder of its own is another user's home."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from support.lab_screen import SMALL, shown_step, start_training
from support.pty_screen import PtyScreen, playground_command, processes_of, wait_no_processes
from support.sshd import HOST, Sshd, kill_login_session, needs_ssh, running_sshd

from charwave_tui import __version__
from charwave_tui.client import engine_client
from charwave_tui.client.connection import EngineOutdated, EngineUnavailable
from charwave_tui.client.engine_client import EngineClient
from charwave_tui.client.ssh import SshDestination, SshEndpoint
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import StartRun
from charwave_tui.core.protocol.events import Event, Progress, RunChanged, RunOpened

pytestmark = needs_ssh


PROGRAM = f"{sys.executable} -m charwave_tui"


CONFIG = RunConfig(corpus="imena", n_hidden=12, max_steps=10_000_000)


@pytest.fixture
def remote_home(tmp_path: Path) -> Iterator[Path]:
    """The home folder at the other end; no engine stays behind in it."""
    folder = tmp_path / "there"
    yield folder
    subprocess.run(playground_command("engine", "stop"), env={**os.environ, "CHARWAVE_HOME": str(folder)}, check=True)
    wait_no_processes(folder, 20)


@pytest.fixture
def server(tmp_path: Path, remote_home: Path) -> Iterator[Sshd]:
    with running_sshd(tmp_path / "ssh", remote_home) as server:
        yield server


def ssh_endpoint(server: Sshd, program: str = PROGRAM, *options: str) -> SshEndpoint:
    return SshEndpoint(SshDestination(HOST, (*options, *server.options), program))


async def wait_for_event(events: AsyncIterator[Event], holds: Callable[[Event], bool]) -> Event:
    async with asyncio.timeout(40):
        async for event in events:
            if holds(event):
                return event
    raise AssertionError("the line ended before that")


def relays(home: Path) -> list[int]:
    return [pid for pid in processes_of(home) if "--stdio" in Path(f"/proc/{pid}/cmdline").read_text("utf-8")]


async def test_dropped_connection_keeps_remote_run_and_reconnect_shows_curve(
    server: Sshd, remote_home: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_client, "PING_INTERVAL", 0.05)
    engine = EngineClient(ssh_endpoint(server))
    engine.send(StartRun(CONFIG, "playground"))
    events = engine.events()
    reached = await wait_for_event(events, lambda event: isinstance(event, Progress) and event.step > 200)
    assert isinstance(reached, Progress)
    assert not engine.was_running
    assert engine.latency is not None
    assert 0 < engine.latency < 10
    assert not home.exists() or not list((home / "data").glob("runs/*"))
    kill_login_session(relays(remote_home)[-1])
    assert [event async for event in events if isinstance(event, RunChanged)] == []
    assert engine.retry_in == 1.0
    again = engine.events()
    opened = await wait_for_event(again, lambda event: isinstance(event, RunOpened))
    assert isinstance(opened, RunOpened)
    assert engine.was_running
    assert (opened.run, opened.state) == (1, RunState.TRAINING)
    assert opened.step > reached.step
    assert opened.history.points[0].step == opened.history.window
    await again.aclose()
    await wait_none_left(relays, remote_home)


async def wait_none_left(found: Callable[[Path], list[int]], home: Path) -> None:
    for _ in range(200):
        if not found(home):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("a relay stayed behind")


async def test_playground_shows_remote_host_and_reconnects(server: Sshd, remote_home: Path) -> None:
    options = [part for option in server.options for part in ("-o", option)]
    command = playground_command("--host", HOST, *options, "--host-program", PROGRAM, *SMALL)
    with PtyScreen(command, 140, 40) as screen:
        start_training(screen)
        screen.wait_for(rf"{HOST} \d+ ms")
        reached = shown_step(screen)
        kill_login_session(relays(remote_home)[-1])
        screen.wait_for("connection lost")
        screen.wait_for(r"reattached to run 1, step [\d,]+")
        screen.wait_until(lambda: shown_step(screen) > reached, "the run as it went on")
        screen.press("q")
        screen.wait_for("leave it running")
        screen.press("enter")
        assert screen.wait_exit() == 0
        assert f"charwave-tui --host {HOST} reopens it" in screen.text


REFUSALS = [
    ((), ("UserKnownHostsFile=/dev/null",), "the key of 127.0.0.1 is unknown or has changed; ssh 127.0.0.1 shows it"),
    ((), ("PubkeyAuthentication=no",), "127.0.0.1 takes none of your keys; ssh-copy-id 127.0.0.1 puts one there"),
    ((), ("Port=1",), "127.0.0.1 cannot be reached (ssh: connect to host 127.0.0.1 port 1: Connection refused)"),
    (
        ("no-such-program",),
        (),
        "there is no no-such-program on 127.0.0.1; install it there, or name it with --host-program",
    ),
    (("echo welcome; false",), (), "127.0.0.1: echo welcome; false ended with 1"),
    (
        ("echo unrecognized arguments: --stdio >&2; exit 2 #",),
        (),
        f"is too old for this; install version {__version__}",
    ),
]


@pytest.mark.parametrize(("program", "options", "said"), REFUSALS, ids=[said[:24] for *_, said in REFUSALS])
async def test_remote_problems_are_one_clear_line(
    server: Sshd, program: tuple[str, ...], options: tuple[str, ...], said: str
) -> None:
    engine = EngineClient(ssh_endpoint(server, *program or (PROGRAM,), *options))
    with pytest.raises(EngineUnavailable) as refused:
        _ = [event async for event in engine.events()]
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert engine.retry_in is None


async def test_unknown_host_and_machine_without_ssh_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineUnavailable, match=r"there is no host nowhere\.invalid; check the name"):
        await SshEndpoint(SshDestination("nowhere.invalid")).connect()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineUnavailable, match="there is no ssh here"):
        await SshEndpoint(SshDestination(HOST)).connect()


@pytest.mark.parametrize("theirs", ["0.0.1", __version__])
async def test_other_version_on_remote_reported_with_hint(server: Sshd, tmp_path: Path, theirs: str) -> None:
    fake = tmp_path / "fake.py"
    fake.write_text(
        "import sys\n"
        "from charwave_tui.client.connection import RelayHello as Hello\n"
        "from charwave_tui.core.protocol.framing import encode_frame as frame\n"
        "from charwave_tui.core.protocol.events import EngineStarted\n"
        "print('Last login: yesterday', flush=True)\n"
        f"sys.stdout.buffer.write(Hello({theirs!r}, True, '').line() + frame(EngineStarted('0.0.1', 7)))\n"
        "sys.stdout.flush(); sys.stdin.read()\n",
        "utf-8",
    )
    with pytest.raises(EngineUnavailable, match=r"0\.0\.1") as refused:
        await ssh_endpoint(server, f"{sys.executable} {fake}").connect()
    outdated = theirs == __version__  # the program there is ours, and only its engine is of before
    assert isinstance(refused.value, EngineOutdated) == outdated
    assert outdated or "install the same on both" in str(refused.value)


async def test_local_corpus_uploaded_once_and_keeps_local_name(server: Sshd, remote_home: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "words.txt"
    corpus.write_text(
        "\n".join(a + b + c + d for a in "bdklm" for b in "aeiou" for c in "nrst" for d in "abc" * 60), "utf-8"
    )
    config = RunConfig(corpus=str(corpus), n_hidden=12, max_steps=20)
    for run in (1, 2):
        engine = EngineClient(ssh_endpoint(server))
        engine.send(StartRun(config, "playground"))
        events = engine.events()
        opened = await wait_for_event(events, lambda event, run=run: isinstance(event, RunOpened) and event.run == run)
        assert isinstance(opened, RunOpened)
        assert (opened.config, opened.corpus.name) == (config, "words")
        await events.aclose()
    placed = [path for path in (remote_home / "data" / "sent").rglob("*") if path.is_file()]
    assert [(path.name, path.read_bytes()) for path in placed] == [("words.txt", corpus.read_bytes())]


def test_remote_run_controlled_by_local_commands(server: Sshd, remote_home: Path) -> None:
    options = [part for option in server.options for part in ("-o", option)]
    place = ("--host", HOST, *options, "--host-program", PROGRAM)

    def give(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(playground_command(*words), capture_output=True, text=True, timeout=60, check=False)

    assert give("status", *place).stdout == "no engine is running\n"
    started = json.loads(give(*place, "start", *SMALL, "--json").stdout)
    assert (started["run"], started["state"]) == (1, "training")
    named = give("sample", *place, "-n", "3", "--json")
    assert len(json.loads(named.stdout)) == 3
    assert named.stderr.startswith(f"run 1 on {HOST} is training; these are its weights of step ")
    other = give("inspect", *place, "--run", "9")
    assert other.stderr == (
        f"charwave-tui: run 9 is not in the engine on {HOST}, which has run 1; "
        f"leave --run 9 out, or ask on {HOST} itself\n"
    )
    stopped = json.loads(give("stop", *place, "--json").stdout)
    assert (stopped["run"], stopped["state"]) == (1, "stopped")
    assert stopped["val"] is not None
    assert (remote_home / "data" / "runs" / "0001").is_dir()
