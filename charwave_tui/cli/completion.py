"""`charwave-tui completion`: the script by which a shell completes commands and options."""

from __future__ import annotations

import argparse

SHELLS = {  # the commands to type once
    "bash": "charwave-tui completion bash > ~/.local/share/bash-completion/completions/charwave-tui",
    "zsh": "charwave-tui completion zsh > ~/.zfunc/_charwave-tui  (any folder of $fpath)",
    "fish": "charwave-tui completion fish > ~/.config/fish/completions/charwave-tui.fish",
}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser], program: argparse.ArgumentParser) -> None:
    about = "print what a shell needs to complete commands and options"
    parser = commands.add_parser("completion", help=about, description=about)
    parser.epilog = "type once:\n" + "\n".join(f"  {line}" for line in SHELLS.values())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("shell", choices=tuple(SHELLS))
    parser.set_defaults(func=print_completion, program=program)


def print_completion(options: argparse.Namespace) -> int:
    import shtab

    print(shtab.complete(options.program, options.shell))
    return 0
