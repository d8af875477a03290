"""The house keeps its walls: what is imported where, and that every room says what it is."""

from __future__ import annotations

import ast
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import charwave_tui

PACKAGE = Path(charwave_tui.__file__).parent


FILES = sorted(PACKAGE.rglob("*.py"))


TENSORS = {"torch", "numpy", "safetensors"}


SCREENS = {"textual", "plotext"}


def modules_of(*floors: str) -> list[str]:
    return [name for floor in floors for name in _modules() if name.split(".")[1:2] == [floor]]


def _modules() -> Iterator[str]:
    for found in pkgutil.walk_packages([str(PACKAGE)], "charwave_tui."):
        if found.name != "charwave_tui.__main__":
            yield found.name


def loaded_by(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after `code`."""
    probe = f"{code}\nimport sys, json; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout.splitlines()[-1]))


def importing(names: list[str]) -> str:
    assert names
    return "\n".join(f"import {name}" for name in names)


def test_ui_and_client_load_no_torch() -> None:
    assert not loaded_by(importing([*modules_of("core", "client", "ui"), "charwave_tui.ui.app"])) & TENSORS


def test_engine_loads_no_textual() -> None:
    loaded = loaded_by(importing(modules_of("core", "engine")))
    assert "torch" in loaded
    assert not loaded & SCREENS


def test_client_loads_neither_torch_nor_textual() -> None:
    assert not loaded_by(importing(modules_of("core", "client"))) & (TENSORS | SCREENS)


def test_command_line_parsed_before_slow_imports() -> None:
    assert not loaded_by(importing(modules_of("cli"))) & (TENSORS | SCREENS | {"rich"})


def test_bench_loads_no_textual_and_no_torch_itself() -> None:
    assert not loaded_by(importing(["charwave_tui.bench.suite"])) & (TENSORS | SCREENS)


def test_first_frame_painted_without_torch(tmp_path: Path) -> None:
    painted = """
import asyncio
from charwave_tui.core.config.presets import default_preset
from charwave_tui.ui.app import CharwaveApp

class Silent:
    host, latency = "", None
    def send(self, command): pass
    def close(self): pass
    async def events(self):
        await asyncio.Event().wait()
        yield

async def paint():
    app = CharwaveApp(default_preset().config, default_preset().name, engine=Silent())
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause()
        rows = app.screen._compositor.render_strips()
        text = "".join(segment.text for strip in rows for segment in strip)
        assert "n_hidden" in text and "Names" in text, text

asyncio.run(paint())
"""
    loaded = loaded_by(painted)
    assert "textual" in loaded
    assert not loaded & TENSORS


def test_every_module_and_public_class_has_docstring() -> None:
    silent = []
    for path in FILES:
        module = ast.parse(path.read_text("utf-8"))
        public = [node for node in module.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
        for node in (module, *public):
            if not ast.get_docstring(node):
                silent.append(f"{path.relative_to(PACKAGE)}: {getattr(node, 'name', 'the module')}")
    assert silent == []


def test_package_init_has_only_a_docstring() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        body = ast.parse(path.read_text("utf-8")).body
        rest = [ast.unparse(node).split(" = ")[0] for node in body[1:]]
        assert rest == (["__version__"] if path.parent == PACKAGE else []), path


def test_files_opened_as_utf_8_in_any_locale() -> None:
    silent = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _opens_text_by_locale(node):
                silent.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert silent == []


def _opens_text_by_locale(call: ast.Call) -> bool:
    """Whether a call of read_text, write_text or open leaves the encoding to the locale."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    texts = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    if name == "open":
        # an editor is opened too, with what it holds; os.open knows no text
        mode_alone = len(texts) == len(call.args) and getattr(getattr(function, "value", None), "id", "") != "os"
        return mode_alone and not any(isinstance(text, str) and "b" in text for text in texts)
    return name in ("read_text", "write_text") and "utf-8" not in texts
