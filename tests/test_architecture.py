"""The house keeps its walls: what is imported where, and that every room says what it is."""

from __future__ import annotations

import ast
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import charwave_tui

PACKAGE = Path(charwave_tui.__file__).parent


FILES = sorted(PACKAGE.rglob("*.py"))


TENSORS = {"torch", "numpy", "safetensors"}


SCREENS = {"textual", "plotext"}
TREES = {path: ast.parse(path.read_text("utf-8")) for path in FILES}

# app bases that each own one quirk of Textual's whole
QUIRK_OWNERS = {"SequentialKeysApp", "DiffRenderingApp"}

# words that meant something in this project alone
PRIVATE_WORDS = """
bend bends bent blot blots blotted gaze gazing errand errands parcel parcels courier spoil spoils spoilt unspoilt
spoiling farewell whence twin twins kin brace obey obeyed heard hear hearing tell tells telling told said asked asking
ink inks inked piece pieces notebook lens lenses owe owed pen pens stroke strokes greeted ruinous worry worries noun
nouns nudge nudged fewest abreast anew boxed guess guesses guessed furthest
"""


FOR_LONG_LISTS = "charwave_tui.core.corpus.bulk"  # which imports numpy, and is imported for a long word list alone


def modules_of(*floors: str) -> list[str]:
    names = (name for floor in floors for name in _modules() if name.split(".")[1:2] == [floor])
    return [name for name in names if name != FOR_LONG_LISTS]


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


def classes() -> Iterator[ast.ClassDef]:
    for tree in TREES.values():
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def name_of(node: ast.expr) -> str:
    """The last part of a possibly dotted and subscripted name: `Screen` of `screen.Screen[str]`."""
    node = node.value if isinstance(node, ast.Subscript) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_modules_and_public_classes_have_docstrings() -> None:
    undocumented = []
    for path, tree in TREES.items():
        public = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
        for node in (tree, *public):
            if not ast.get_docstring(node):
                undocumented.append(f"{path.relative_to(PACKAGE)}: {getattr(node, 'name', 'the module')}")
    assert undocumented == []


def test_no_folder_shows_more_than_14_entries() -> None:
    shown = {
        str(folder.relative_to(PACKAGE)): sum(not entry.name.startswith("__") for entry in folder.iterdir())
        for folder in {path.parent for path in FILES}
    }
    assert {folder: count for folder, count in shown.items() if count > 14} == {}


def test_no_abstract_base_has_a_single_subclass() -> None:
    """A base that is used by itself may have one subclass that takes its place, as `Sequential` has `WaveNet`."""
    subclasses: dict[str, set[str]] = {node.name: set() for node in classes()}
    for node in classes():
        for base in map(name_of, node.bases):
            subclasses.setdefault(base, set()).add(node.name)
    used = {name for tree in TREES.values() for node in ast.walk(tree) for name in _instantiated(node)}
    ours = {node.name for node in classes()} - used - QUIRK_OWNERS
    assert {base: subclasses[base] for base in ours if len(subclasses[base]) == 1} == {}


def _instantiated(node: ast.AST) -> Iterator[str]:
    """The classes that an expression makes instances of, or chooses: `WaveNet if config.dilations else Sequential`."""
    match node:
        case ast.IfExp(body=body, orelse=orelse):
            yield from (name_of(body), name_of(orelse))
        case ast.Call(func=func):
            yield name_of(func)


def test_identifiers_use_the_words_of_the_field() -> None:
    """No identifier has a word that means something in this project alone; assets/guide/contributing.md says why."""
    private_words = set(PRIVATE_WORDS.split())
    private = {
        f"{path.relative_to(PACKAGE)}:{name}"
        for path, tree in TREES.items()
        for name in _identifiers(tree)
        if private_words & {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}
    }
    assert private == set()


def _identifiers(tree: ast.Module) -> Iterator[str]:
    """The names that a module defines: classes, functions, parameters, variables and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name


def test_keys_are_bound_in_the_keymap_alone() -> None:
    """A confirmation's keys are those of its choices, which the caller gives."""
    binding = {
        str(path.relative_to(PACKAGE))
        for path, tree in TREES.items()
        if any(isinstance(node, ast.Call) and name_of(node.func) == "Binding" for node in ast.walk(tree))
    }
    assert binding == {"ui/keymap.py", "ui/dialogs/confirm.py"}


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
