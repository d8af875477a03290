"""`charwave-tui sample`: names from a trained run, what may come next, and how a word scores."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

import msgspec

from charwave_tui.cli.output import or_plain, padded, print_json
from charwave_tui.cli.spoken import next_lines, next_object, score_lines, score_object
from charwave_tui.cli.weights import add_run_choice, answered
from charwave_tui.client import asking
from charwave_tui.client.talking import Talk
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import SampledName
from charwave_tui.core.sampling import NEW, SETTINGS, Sampling
from charwave_tui.core.speaking import NextPredicted, WordScored


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser("sample", help="draw names from a trained run, or ask it about a word")
    usual = Sampling()
    parser.add_argument("-n", dest="count", metavar="N", help=f"how many ({usual.count})")
    parser.add_argument("--temperature", metavar="T", help=f"below 1 safer, above 1 wilder ({usual.temperature})")
    parser.add_argument("--top-k", metavar="K", help="draw from the K likeliest characters alone (0: from all)")
    parser.add_argument("--top-p", metavar="P", help="draw from the fewest that come to P of the odds (1: from all)")
    parser.add_argument("--prefix", metavar="P", help="how each name begins")
    parser.add_argument("--suffix", metavar="S", help="how each name ends")
    parser.add_argument(
        "--pattern", metavar="M", help=r"what stands between: ? any character, * any number, \ before a literal ? or *"
    )
    parser.add_argument("--shortest", metavar="L", help=f"characters at least ({usual.shortest})")
    parser.add_argument("--longest", metavar="L", help=f"characters at most ({usual.longest})")
    parser.add_argument(
        "--only-new", action="store_const", const=NEW, help="draw again in place of names that the corpus has"
    )
    parser.add_argument("--seed", metavar="S", help=f"the same seed draws the same names ({usual.seed})")
    about = parser.add_mutually_exclusive_group()
    about.add_argument("--score", metavar="WORD", help="how much a word surprises, and its place in the corpus")
    about.add_argument("--next", metavar="PREFIX", help="what may follow a prefix, at the temperature")
    add_run_choice(parser)
    parser.add_argument("--json", action="store_true", help="print objects: of a name name, nll, in_corpus, near, …")
    parser.set_defaults(func=sample)


def sample(options: argparse.Namespace) -> int:
    """Print names with their nll per character: `=` the corpus has it, `≈` it has one near, `+` it is new."""
    sampling = Sampling()
    given = {name: text for name in SETTINGS if (text := getattr(options, name, None)) is not None}
    _refuse_unused(options, given)
    for name, text in given.items():
        sampling = sampling.with_text(name, text)
    sampling.checked()
    if options.score is not None:
        scored = _scored(options)
        _print(options.json, score_object(scored), score_lines(scored))
        return 0
    if options.next is not None:
        predicted, symbols = _predicted(options)
        shown = predicted, symbols, sampling.temperature
        _print(options.json, next_object(*shown), next_lines(*shown))
        return 0
    names = _drawn(options, sampling)
    _print(options.json, msgspec.to_builtins(names), [_line(item) for item in names])
    if len(names) < sampling.count:
        found = "none" if not names else f"only {len(names):,}"
        print(f"of {sampling.count:,} new names {found} came; try a higher temperature", file=sys.stderr)
    return 0


def _refuse_unused(options: argparse.Namespace, given: Iterable[str]) -> None:
    """Raise Mistake on a setting of drawing beside a question that draws nothing; `--next` has a temperature."""
    question, used = ("--score", ()) if options.score is not None else ("--next", ("temperature",))
    if options.score is None and options.next is None:
        return
    for name in given:
        if name not in used:
            flag = "-n" if name == "count" else f"--{name.replace('_', '-')}"
            raise Mistake(f"{flag} is for names, and {question} draws none", "leave it out")


def _drawn(options: argparse.Namespace, sampling: Sampling) -> tuple[SampledName, ...]:
    def look(run: int) -> tuple[SampledName, ...]:
        from charwave_tui.engine import api

        return api.sample(sampling, run)

    return answered(options, lambda talk: asking.names_of(talk, sampling), look)


def _predicted(options: argparse.Namespace) -> tuple[NextPredicted, str]:
    async def ask(talk: Talk) -> tuple[NextPredicted, str]:
        predicted = await asking.next_after(talk, options.next)
        assert talk.opened is not None
        return predicted, talk.opened.corpus.symbols

    def look(run: int) -> tuple[NextPredicted, str]:
        from charwave_tui.engine import api

        predicted, corpus = api.predict(options.next, run)
        return predicted, corpus.symbols

    return answered(options, ask, look)


def _scored(options: argparse.Namespace) -> WordScored:
    def look(run: int) -> WordScored:
        from charwave_tui.engine import api

        return api.score(options.score, run)

    return answered(options, lambda talk: asking.score_of(talk, options.score), look)


def _line(item: SampledName) -> str:
    sign = "=" if item.in_corpus else f"{or_plain('≈', '~')} {item.near}" if item.near else "+"
    name = item.name or or_plain("–", "-")
    return f"{padded(name, 24)} {item.nll:5.2f} {sign}"


def _print(as_json: bool, value: object, lines: list[str]) -> None:
    if as_json:
        print_json(value)
    else:
        for line in lines:
            print(line)
