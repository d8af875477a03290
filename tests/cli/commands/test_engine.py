"""`charwave-tui engine`: status and stop of the running engine."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from charwave_tui import __version__
from charwave_tui.client.engine_client import EngineClient
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import runs_dir, socket_path
from charwave_tui.core.protocol.commands import Command, StartRun
from charwave_tui.core.protocol.engine_socket import engine_is_running
from charwave_tui.core.protocol.events import Event, RunChanged, RunSaved, SaveFailed
from charwave_tui.core.store.run_store import RunStore


def start_engine_and_wait(*commands: Command, until: type[Event], **fields: object) -> Event:
    """Have an engine obey `commands`, and leave it to itself once it has told what is waited for."""

    async def watch() -> Event:
        engine = EngineClient()
        for command in commands:
            engine.send(command)
        async with asyncio.timeout(30):
            async for event in engine.events():
                if isinstance(event, until) and all(getattr(event, name) == it for name, it in fields.items()):
                    engine.close()
                    return event
        raise AssertionError(f"no {until.__name__}")

    return asyncio.run(watch())


@pytest.fixture
def config(words: Path) -> RunConfig:
    return RunConfig(corpus=str(words), context=2, fuse=(2,), n_embd=2, n_hidden=4, batch_size=4, max_steps=10_000_000)


def test_no_engine_status_and_stop_report_it_without_error(command: Any) -> None:
    result = command("engine", "status")
    assert (result.code, result.out, result.err) == (0, "no engine is running\n", "")
    facts = json.loads(command("engine", "status", "--json").out)
    nothing = dict.fromkeys(("version", "run", "state", "step", "unsaved"))
    assert facts == {"pid": None, "socket": str(socket_path()), **nothing}
    ended = command("engine", "stop")
    assert (ended.code, ended.out, ended.err) == (0, "", "charwave-tui: no engine is running\n")


def test_status_reports_run_then_stop_pauses_and_saves_it(command: Any, config: RunConfig) -> None:
    start_engine_and_wait(StartRun(config, "", steps=1_234), until=RunChanged, state=RunState.PAUSED)
    facts = json.loads(command("engine", "status", "--json").out)
    assert list(facts) == ["pid", "socket", "version", "run", "state", "step", "unsaved"]
    assert (facts["version"], facts["run"], facts["state"], facts["step"]) == (__version__, 1, "paused", 1234)
    assert Path(facts["socket"]).is_socket()
    lines = command("engine", "status").out.splitlines()
    assert [line.split(maxsplit=1) for line in lines[2:]] == [
        ["version", __version__],
        ["run", "1"],
        ["state", "paused"],
        ["step", "1,234"],
        ["unsaved", "–"],
    ]
    assert lines[0].split() == ["pid", str(facts["pid"])]
    ended = command("engine", "stop")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "run 1 is paused and saved at step 1,234; charwave-tui train --resume 1 resumes it\n"
    assert not engine_is_running()
    assert (RunStore(runs_dir()).read(1).state, RunStore(runs_dir()).read(1).step) == (RunState.PAUSED, 1234)


def test_stop_with_unsaved_run_requires_force(
    command: Any, config: RunConfig, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    with full_disk(2_000):  # which the engine inherits
        start_engine_and_wait(StartRun(config, "", steps=50), until=SaveFailed)
    facts = json.loads(command("engine", "status", "--json").out)
    assert (facts["run"], facts["unsaved"]) == (1, "File too large")
    refused = command("engine", "stop")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "charwave-tui: run 1 is not saved (File too large), and would lose steps; "
        "fix that first, or stop the engine anyway with --force\n"
    )
    assert engine_is_running()
    assert command("engine", "stop", "--force").code == 0
    assert not engine_is_running()


def test_stop_without_active_run_promises_no_resume(command: Any, config: RunConfig) -> None:
    start_engine_and_wait(StartRun(config.with_values({"max_steps": 20}), ""), until=RunSaved, step=20)
    assert command("engine", "stop").out == "the engine has ended\n"
    assert RunStore(runs_dir()).read(1).state is RunState.FINISHED


@pytest.fixture
def older_engine() -> Iterator[subprocess.Popen[bytes]]:
    """A running engine of version 0.0.1."""
    code = """
import charwave_tui, sys
charwave_tui.__version__ = "0.0.1"
from charwave_tui.cli.main import main
sys.exit(main(["engine"]))
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while not socket_path().exists():
            assert process.poll() is None
        yield process
        process.kill()


def test_engine_of_other_version_found_and_stopped(command: Any, older_engine: subprocess.Popen[bytes]) -> None:
    result = command("engine", "status", "--json")
    assert result.code == 0
    facts = json.loads(result.out)
    assert (facts["pid"], facts["version"], facts["run"], facts["state"], facts["step"]) == (
        *(older_engine.pid, "0.0.1"),
        *(None, None, None),
    )
    assert "version 0.0.1 is running" in result.err
    assert len(result.err.splitlines()) == 1
    ended = command("engine", "stop")
    assert (ended.code, ended.out) == (0, "the engine has ended\n")
    assert older_engine.wait(10) == 0


def test_unreachable_engine_is_one_line_error(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charwave_tui.client.launcher.SHUTDOWN_TIMEOUT", 0.0)
    monkeypatch.setattr("charwave_tui.client.launcher.engine_is_running", lambda: True)
    ended = command("engine", "stop")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "charwave-tui: the engine has not left yet, it may be saving its run; try again\n"


def test_engine_command_listed_and_loads_no_torch(command: Any) -> None:
    assert "engine" in command("--help").out
    result = command("engine", "--help").out
    assert "status" in result
    assert "stop" in result
    for words in ("['engine', 'status']", "['engine', 'stop']"):
        code = f"import sys; from charwave_tui.cli.main import main; main({words}); assert 'torch' not in sys.modules"
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
