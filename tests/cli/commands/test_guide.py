"""`charwave-tui guide`: pages as Markdown, and the reader in a terminal."""

from __future__ import annotations

import re
from typing import Any

import pytest

from charwave_tui.cli.commands import guide
from charwave_tui.core.paths import asset_path, guide_pages
from charwave_tui.ui.app import GuideApp


@pytest.fixture
def opened_pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages on which the reader was opened in a terminal."""
    pages: list[str] = []
    monkeypatch.setattr(guide, "stdio_is_terminal", lambda: True)
    monkeypatch.setattr(GuideApp, "run", lambda app: pages.append(app._page))
    return pages


def test_guide_without_page_prints_index(command: Any) -> None:
    printed = command("guide")
    assert (printed.code, printed.err) == (0, "")
    assert printed.out == asset_path("guide", "index.md").read_text("utf-8")


@pytest.mark.parametrize("page", guide_pages())
def test_piped_page_is_markdown_of_its_file(command: Any, page: str) -> None:
    assert command("guide", page).out == asset_path("guide", f"{page}.md").read_text("utf-8")


@pytest.mark.parametrize("page", ["sample", "../index", "index.md", ""])
def test_unknown_page_refused_with_existing_ones(command: Any, page: str) -> None:
    refused = command("guide", page)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"charwave-tui: there is no page {page} in the guide; there is index, ")
    assert all(name in refused.err for name in guide_pages())
    assert refused.err.count("\n") == 1


def test_reader_opens_on_page_in_terminal(command: Any, opened_pages: list[str]) -> None:
    assert command("guide").code == command("guide", "runs").code == 0
    assert opened_pages == ["index", "runs"]


def test_exception_in_reader_is_one_line(
    command: Any, opened_pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuideApp, "fault", ZeroDivisionError("inside"))
    printed = command("guide")
    assert printed.code == 1
    assert printed.err.startswith("charwave-tui: ZeroDivisionError: inside (")


def test_dumb_terminal_gets_markdown(program: Any) -> None:
    printed = program("guide", "remote", TERM="dumb")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout.startswith("# Another machine\n")


@pytest.mark.parametrize("page", guide_pages())
def test_links_between_pages_lead_to_existing_pages(page: str) -> None:
    targets = re.findall(r"\]\(([^)/]+)\)", guide_pages()[page].read_text("utf-8"))
    assert set(targets) <= {f"{name}.md" for name in guide_pages()}
