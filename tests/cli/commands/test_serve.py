"""`charwave-tui serve`: the playground as a web page."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.pty_screen import playground_command

START_SECONDS = 60.0
CTRL_S = "\x13"


@pytest.fixture
def address(home: Path) -> Iterator[str]:
    """Host and port of a server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        playground_command("serve", "--port", str(port)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


async def page_once_served(address: str) -> str:
    for _ in range(int(START_SECONDS * 10)):
        try:
            with urllib.request.urlopen(f"http://{address}", timeout=5) as page:
                return str(page.read().decode())
        except OSError:
            await asyncio.sleep(0.1)
    raise AssertionError("the page was not served")


async def test_page_shows_playground_and_offers_picture_as_download(address: str) -> None:
    assert "charwave-tui" in await page_once_served(address)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://{address}/ws?width=142&height=40") as browser,
    ):
        shown = ""
        async with asyncio.timeout(START_SECONDS):
            while "n_hidden" not in shown:
                message = await browser.receive()
                assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
                shown += message.data.decode() if isinstance(message.data, bytes) else message.data
            await browser.send_json(["stdin", CTRL_S])
            while "deliver_file_start" not in shown:
                message = await browser.receive()
                shown = message.data if isinstance(message.data, str) else ""
        (_, key) = json.loads(shown)
        with urllib.request.urlopen(f"http://{address}/download/{key}", timeout=20) as download:
            assert download.headers["Content-Disposition"].startswith("attachment")
            assert b"n_hidden" in download.read()


def test_missing_library_is_named_with_its_command(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    refused = command("serve")
    assert refused.code == 2
    assert "textual-serve" in refused.err
    assert "pip install" in refused.err
