"""The Latin keys in the places of the letters of other keyboard layouts."""

from __future__ import annotations

import unicodedata

from textual import events
from textual.keys import _character_to_key

_KEYS = "qwertyuiopasdfghjklzxcvbnm"
# the letters on these keys; a blank where the layout has no letter there, or where two layouts of a script differ
_LAYOUTS = {
    "russian": "йцукенгшщзфывапролдячсмить",
    "ukrainian": " " * 11 + "і" + " " * 14,
    "greek": " ςερτυθιοπασδφγηξκλζχψωβνμ",
    "hebrew": "  קראטוןםפשדגכעיחלךזסבהנמצ",
    "arabic": "ضصثقفغعهخحشسيبلاتنمئءؤر ىة",
    "persian": " " * 12 + "ی" + " " * 13,
}
_PUNCTUATION = {"ю": ".", "ץ": ".", "。": ".", "、": "/"}  # keys without a letter that the program uses
_LATIN = {
    letter: key for letters in _LAYOUTS.values() for letter, key in zip(letters, _KEYS, strict=True) if letter != " "
} | _PUNCTUATION
_FULL_WIDTH = range(0xFF01, 0xFF5F)  # as the input methods of East Asia have them


def latin_character(character: str) -> str:
    """Return the Latin character on the key of a letter, in its case; a digit for a digit; empty if none is known."""
    if ord(character) in _FULL_WIDTH:
        return unicodedata.normalize("NFKC", character)
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    latin = _LATIN.get(character.lower(), "")
    return latin.upper() if character != character.lower() else latin


def is_foreign_letter(character: str) -> bool:
    """Return whether the character is a letter or a mark of a script other than Latin, or a digit of one."""
    is_word_character = unicodedata.category(character)[0] in "LMN"
    return not character.isascii() and is_word_character and not unicodedata.name(character, "").startswith("LATIN")


def latin_key(event: events.Key) -> events.Key | None:
    """Return the key event of the Latin key in the place of that of `event`; None if none is known."""
    latin = latin_character(event.character) if event.character else ""
    return events.Key(_character_to_key(latin), latin) if latin else None
