"""What each command's `--help` ends with: examples, and where data is stored."""

from __future__ import annotations

# example command lines and what they do, by command; the empty name is the program itself
EXAMPLES: dict[str, dict[str, str]] = {
    "": {
        "charwave-tui": "open the playground",
        "charwave-tui --preset tree-76k --set lr=0.05": "open it with a recipe and a change",
        "charwave-tui --host user@gpu-box": "the screen here, the engine on gpu-box",
        "charwave-tui data fetch makemore": "the lecture's names, then --corpus makemore",
        "charwave-tui train --steps 2000 --json": "train without a screen",
        "charwave-tui start --preset tree-76k": "train in the engine, in the background",
        "charwave-tui attach --follow": "watch it in plain lines",
        "charwave-tui sample -n 10 --prefix ma": "names from the newest run",
        "charwave-tui reproduce --corpus makemore": "train the published recipes and compare",
    },
    "train": {
        "charwave-tui train --preset tree-22k --corpus makemore": "a published recipe on the lecture's names",
        "charwave-tui train --set n_hidden=96 --set lr=0.05 --steps 5000": "the first recipe with changes",
        "charwave-tui train --resume": "resume an interrupted run",
    },
    "start": {
        "charwave-tui start --preset tree-287k": "train in the engine, in the background",
        "charwave-tui start --host user@gpu-box --corpus ~/streets.txt": "on another machine, with a local file",
        "charwave-tui start --replace --json": "stop and save the run in progress first",
    },
    "pause": {"charwave-tui pause": "then charwave-tui resume continues it"},
    "resume": {"charwave-tui resume --json": "resume, and print the state as JSON"},
    "stop": {"charwave-tui stop --json": "its last losses as JSON, once they are measured"},
    "status": {
        "charwave-tui status --json": "for scripts; null where no engine runs",
        "charwave-tui status --host user@gpu-box": "of another machine",
    },
    "attach": {
        "charwave-tui attach": "the evaluations so far",
        "charwave-tui attach --follow --json": "an object a line until the run ends",
        "charwave-tui attach --follow --host user@gpu-box": "over ssh; reconnects by itself",
    },
    "sample": {
        "charwave-tui sample -n 10 --temperature 0.8 --prefix ma": "ten names that begin with ma",
        "charwave-tui sample --pattern 'm?r*a' --only-new": "by a pattern, only names not in the corpus",
        "charwave-tui sample --score marisol": "the nll of each character",
        "charwave-tui sample --next mar --temperature 0.5": "what may come next",
        "charwave-tui sample --host user@gpu-box --json": "from the run in that machine's engine",
    },
    "inspect": {
        "charwave-tui inspect": "a row a layer of the newest run",
        "charwave-tui inspect --run 12 --json": "of another one, for scripts",
        "charwave-tui inspect --host user@gpu-box": "of the run in that machine's engine",
    },
    "runs": {
        "charwave-tui runs list --json": "newest first",
        "charwave-tui runs show 12": "config, losses, and where the weights are",
        "charwave-tui runs relocate 12 ~/lists/streets.txt": "its word list was moved",
        "charwave-tui runs export 12 --to ./run-12": "record, curve as CSV, weights as safetensors",
    },
    "data": {
        "charwave-tui data fetch makemore": "the lecture's names",
        "charwave-tui data list": "what there is",
    },
    "bench": {
        "charwave-tui bench --only step_ratio": "the fast step against the lecture's loop",
        "charwave-tui bench --terminal": "bytes, screen and keys, a minute each",
    },
    "reproduce": {"charwave-tui reproduce --corpus makemore --jobs 2": "all published recipes, two at a time"},
    "guide": {
        "charwave-tui guide": "the index",
        "charwave-tui guide sampler": "the page about the sampler",
    },
    "serve": {"charwave-tui serve --port 8080": "then open http://127.0.0.1:8080 in a browser"},
    "engine": {
        "charwave-tui engine status": "its process, its socket, what it trains",
        "charwave-tui engine stop": "pauses and saves its run, then ends",
    },
}

DATA_LOCATIONS = """\
exit codes:
  0  done        1  the program's fault, or no engine to be reached        2  yours to mend, in one line

files:
  runs and fetched corpora in the user's data folder, the log in the state folder;
  CHARWAVE_HOME names one folder for all of it
"""


def examples(command: str) -> str:
    """Return the examples of a command as its help shows them; empty where it has none."""
    lines = EXAMPLES.get(command, {})
    width = max(map(len, lines), default=0) + 2
    return "\n".join(("examples:", *(f"  {line:{width}}{about}" for line, about in lines.items()))) if lines else ""
