# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Text for people: numbers, sizes, durations and counts (``60,000``, ``4.8 GB``, ``3 GPUs``), suggestions, quotes."""

from __future__ import annotations

import difflib
import math
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "change_text",
    "counted",
    "cut_middle",
    "error_text",
    "format_clock",
    "format_duration",
    "format_number",
    "format_percent",
    "format_ratio",
    "format_seconds",
    "format_size",
    "harmless",
    "instead_of",
    "listed",
    "near",
    "noise_text",
    "one_of",
    "printable",
    "quote",
]

# From here on four significant digits are fewer than the digits before the point.
_LARGE = 999.95
# Floats beyond this have no digit behind the point that means anything, and too many before it.
_HUGE = 1e15
_PRINTABLE_BITS = 64
_RATIO_FROM = 2.0
_LONGEST_QUOTE = 60
_MOST_WORDS = 8
# What a terminal obeys, what turns the direction of what follows, and what no XML file or UTF-8 text can hold.
_HARMFUL = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff"
_NOT_HARMLESS = re.compile(f"[{_HARMFUL}]")
_NOT_PRINTABLE = re.compile(f"[{_HARMFUL}\t\n]")
_LONGEST_ERROR = 100_000


def format_number(value: float) -> str:
    """Return a number with thousands separated: integers with all digits, floats with about four that count."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < _HUGE):
        whole = int(value)
        # Python refuses to print the longest integers (sys.set_int_max_str_digits).
        bits = whole.bit_length()
        return f"{whole:,d}" if bits <= _PRINTABLE_BITS else f"an integer of {bits} bits"
    return f"{value:,.0f}" if _LARGE <= abs(value) < _HUGE else f"{value:.4g}"


def format_percent(value: float) -> str:
    """Return a percentage, as in ``12.5 %``."""
    return f"{value:,.0f} %" if _LARGE <= abs(value) < _HUGE else f"{_finite(value)} %"


def format_ratio(value: float) -> str:
    """Return how many times as much something is, as in ``50×``: from 2 on easier to read than 4,900 %."""
    return f"{format_number(value) if math.isfinite(value) else _finite(value)}×"


def change_text(change: float | None) -> str:
    """Return a relative change as in ``+17.2 %``; from twice as much on as in ``2.5×``."""
    if change is None:
        return "-"
    return format_ratio(change + 1) if change >= _RATIO_FROM - 1 else f"{100 * change:+.1f} %"


def noise_text(noise: float | None) -> str:
    """Return the half-width of the usual band as in ``±3.3 %``."""
    return "unknown" if noise is None else f"±{100 * noise:.1f} %"


def _finite(value: float) -> str:
    """Three digits of a number; of one that has grown beyond all floats, how large they get."""
    return f"{value:.3g}" if math.isfinite(value) else f"over {math.copysign(sys.float_info.max, value):.0e}"


def format_size(size_bytes: float) -> str:
    """Return a number of bytes in decimal units, as in ``4.8 GB``; GB is the largest."""
    for unit, unit_bytes in (("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= unit_bytes:
            amount = size_bytes / unit_bytes
            return f"{amount:,.0f} {unit}" if _LARGE <= amount < _HUGE else f"{amount:.3g} {unit}"
    return f"{size_bytes / 1e3:.3g} kB"


def format_seconds(duration_s: float) -> str:
    """Return a duration to a tenth of a second, or three digits below one second: ``1.2 s``, ``3,600 s``."""
    return f"{duration_s:.3g} s" if abs(duration_s) < 1 else f"{f'{duration_s:,.1f}'.removesuffix('.0')} s"


def format_duration(duration_s: float, *, units: int = 2) -> str:
    """Return a longer duration in one or two units: ``48 s``, ``1 min 5 s``, ``4 h 58 min``, ``3 days``."""
    seconds = round(duration_s)
    if seconds < 60:
        return f"{seconds} s"
    if seconds >= 2 * 86400:
        return counted(round(seconds / 86400), "day")
    unit_s, unit, smaller = (3600, "h", "min") if seconds >= 3600 else (60, "min", "s")
    whole, rest = divmod(seconds, unit_s)
    more = rest * 60 // unit_s
    return f"{whole} {unit} {more} {smaller}" if more and units > 1 else f"{whole} {unit}"


def format_clock(duration_s: float) -> str:
    """Return a duration as clocks show it, for what changes every second: ``0:48``, ``3:05:00``."""
    minutes, seconds = divmod(int(max(duration_s, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun, as in ``1 GPU`` and ``3 GPUs``; ``many`` is for irregular plurals."""
    return f"{count:,d} {one if count == 1 else many or f'{one}s'}"


def harmless(text: str) -> str:
    r"""Return ``text`` as it may be shown or sent: control characters and the like are escaped, as in ``\x1b``.

    What a script calls its metrics and writes into its errors passes through here, or through :func:`printable`,
    wherever it leaves the program: to a terminal, an XML file, a table, a service.
    """
    return _NOT_HARMLESS.sub(_escaped, text)


def error_text(error: BaseException) -> str:
    """Return ``str()`` of an exception of foreign code, even if that raises, or returns no string or an endless one."""
    try:
        return str.__str__(str(error))[:_LONGEST_ERROR]
    except Exception as problem:  # its author's code may raise anything
        return f"its text can't be read: {type(problem).__name__}"


def printable(text: str) -> str:
    """Return ``text`` like :func:`harmless`, with tabs and line ends escaped, too: it stays one line."""
    return _NOT_PRINTABLE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def quote(text: str) -> str:
    """Return ``text`` in quotes, cut to a length that can be read in a message."""
    return repr(text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "...")


def near(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return ``; did you mean 'x'?`` for the known word most like ``word``, or nothing where none is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {found[0]!r}?" if found else ""


def one_of(words: Iterable[str], word: str = "") -> str:
    """Return ``one of a, b, c``, sorted, to follow "expected": at most eight, those most like ``word``."""
    known = list(words)
    if not known:
        return "one that is defined; none are defined"
    found = difflib.get_close_matches(word, known, n=_MOST_WORDS, cutoff=0.0) if word else sorted(known)[:_MOST_WORDS]
    return f"one of {listed(sorted(found), len(known))}"


def listed(words: Sequence[str], count: int | None = None) -> str:
    """Return the first eight words with commas between them, and how many more there are.

    Args:
        words: the words, in the order in which they are shown.
        count: how many there are in all, if ``words`` are not all.
    """
    more = (len(words) if count is None else count) - len(words[:_MOST_WORDS])
    return ", ".join(words[:_MOST_WORDS]) + (f", ... ({more:,d} more)" if more else "")


def instead_of(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown word: the one that was meant if one is near, then the known ones.

    As in ``; did you mean 'timeout_s'? Expected one of timeout_s, warmup`` or ``, expected one of timeout_s, warmup``.
    """
    known = list(known)
    meant = near(word, known)
    return f"{meant} Expected {one_of(known, word)}" if meant else f", expected {one_of(known, word)}"


def cut_middle(text: str, width: int, mark: str = "…") -> str:
    """Return ``text`` in at most ``width`` columns of a terminal, with ``mark`` for its middle where it is longer."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    room = max(width - len(mark), 0)
    begin = set_cell_size(text, room - room // 2)
    end = set_cell_size(text[::-1], room // 2)[::-1]
    return f"{begin}{mark}{end}"
