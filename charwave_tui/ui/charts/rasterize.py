"""`rasterize`, the only user of plotext: it draws single lines as text."""

from __future__ import annotations

from functools import lru_cache

# unbroken stretches of a line, each a row of (dot column from the left, dot row from the bottom)
Dots = tuple[tuple[tuple[int, int], ...], ...]

BLANK_BRAILLE = 0x2800  # braille without dots; the eight lowest bits are the dots
# the dot below each dot of a braille character
_LOWER = {0x01: 0x02, 0x02: 0x04, 0x04: 0x40, 0x08: 0x10, 0x10: 0x20, 0x20: 0x80}
_LOWERED = tuple(sum(lower for bit, lower in _LOWER.items() if bits & bit) for bits in range(256))


@lru_cache(maxsize=16)
def rasterize(dots: Dots, columns: int, rows: int, dot_style: str) -> tuple[str, ...]:
    """Draw dots into so many columns and rows of cells: in `thin` or `thick` braille, or with the character itself."""
    if not dots:
        return ()
    import plotext  # costs 50 ms, and the first frame has no curve

    braille = dot_style in ("thin", "thick")
    across, up = (2, 4) if braille else (1, 1)
    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.plot_size(columns, rows)
    plotext.clear_color()
    plotext.frame(False)
    plotext.xticks([])
    plotext.yticks([])
    plotext.xlim(0, columns * across - 1)
    plotext.ylim(0, rows * up - 1)
    for stretch in dots:
        plotext.plot(*map(list, zip(*stretch, strict=True)), marker="braille" if braille else dot_style)
    text = plotext.uncolorize(plotext.build()).split("\n")[:rows]
    return tuple(thicken(text) if dot_style == "thick" else text)


def thicken(rows: list[str]) -> list[str]:
    """Add the dot below each dot of rows of braille."""
    thick = []
    above = [0] * len(rows[0])
    for row in rows:
        bits = [0 if character == " " else ord(character) - BLANK_BRAILLE for character in row]
        from_above = [(dots & 0x40) >> 6 | (dots & 0x80) >> 4 for dots in above]
        thick_bits = [dots | _LOWERED[dots] | extra for dots, extra in zip(bits, from_above, strict=True)]
        thick.append("".join(chr(BLANK_BRAILLE + dots) if dots else " " for dots in thick_bits))
        above = bits
    return thick
