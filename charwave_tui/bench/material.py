"""What the measurements train on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from charwave_tui.core.corpora import LECTURE_SHA256, anchored, find_corpus, list_corpora
from charwave_tui.core.corpus import Corpus

ENDLESS = 100_000_000
"""Steps of a run that is only measured: none reaches them, so that the learning rate stays what it is."""


@dataclass(frozen=True, slots=True)
class Material:
    """A corpus and the path of its file, by which it is found from another data folder too."""

    corpus: Corpus
    path: str

    @property
    def of_lecture(self) -> bool:
        """Whether it is the lecture's list, for which alone the published losses hold."""
        return self.corpus.sha256 == LECTURE_SHA256


def material(name_or_path: str) -> Material:
    """The corpus of that name, else the one in that file; raises Mistake."""
    corpus = find_corpus(name_or_path)
    paths: dict[str, Path] = {entry.name: entry.path for entry in list_corpora()}
    return Material(corpus, str(paths.get(name_or_path, anchored(name_or_path))))
