# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Why a script failed: the sentence of its log that says so, and how its process ended."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_curator_bench._util.log_tail import is_progress
from pytest_curator_bench._util.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_curator_bench.processes.client import ProcessExit

__all__ = ["CAUSE_LINES", "Cause", "explain_exit", "find_cause", "find_crash"]

CAUSE_LINES = 2000
"""How many lines of a log's end are searched."""
_CHARACTERS = 400
# Ray sends the driver what its workers print, with this in front of each line.
_OF_WORKER = re.compile(r"^\((?:[^()]*\bpid=\d+[^()]*|raylet|autoscaler)\) ?")
# Within a traceback: frames, source lines, and the frames that rich, loguru and exception groups draw.
_INSIDE = tuple(" \t>│╭╰|+")
_HEAD = "Traceback (most recent call last)"
# Python's frame, also that of a syntax error, and rich's.
_FRAME = re.compile(
    r'(?:File "(?=[^"]+", line \d+(?:, in |$))|[│ ] (?=/[^:]+:\d+ in ))(?P<file>[^":]+)\D+(?P<line>\d+)'
)
_OF_GROUP = re.compile(r"^\s*[|+] ?")
_EXCEPTION = re.compile(r"^(?:[^\W\d]\w*\.)*[^\W\d]\w*(?:\(\w+\))?(?:: .*)?$")
# What argparse, click and programs in other languages print before they end.
_REFUSAL = re.compile(r"^(?:\S+: error|Error|error|ERROR|fatal): \S.*")
_CRASH = re.compile(r"^Fatal Python error: .*|^terminate called .*|^\s*what\(\): .*|.*\bCheck failed: .*")
# The last line of a message of several lines: indented, or Ray Data's.
_GOES_ON = (*_INSIDE, "To change retry attempts, ")
_IS_SYNTAX = re.compile(r"^(?:Syntax|Indentation|Tab)Error\b")
_LIBRARIES = re.compile(r"/(?:site|dist)-packages/|/lib/python\d|^<")

_LESS_MEMORY = "use less data at once, or fewer workers (num_cpus of ray)"
_RESULTS_OPTION = "--benchmark-results-path"
_REMEDIES = (
    (
        rf"(?:unrecognized|[Uu]nknown|[Nn]o such|unexpected|not consume) .*{_RESULTS_OPTION}",
        f"the script must accept {_RESULTS_OPTION} and write its files there: use pytest_curator_bench.script",
    ),
    (
        r"\berror: (?:unrecognized arguments|the following arguments|argument |ambiguous option)",
        "correct args of the entry: the script's --help lists what it accepts",
    ),
    (
        r"^(?:ModuleNotFoundError|ImportError)\b",
        "install it for the Python of the command, or set PYTHONPATH in env of the entry",
    ),
    (r"(?i)out of memory|OutOfMemory|^MemoryError|bad_alloc", _LESS_MEMORY),
)
_SIGNALS = {"SIGSEGV": "a crash in native code", "SIGBUS": "often a full /dev/shm", "SIGILL": "a CPU too old for it"}


@dataclass(frozen=True, slots=True)
class Cause:
    """What a log says about a failure.

    Attributes:
        text: the line of the log.
        file: the script's own file in which it happened; ``None`` where it is unknown.
        line: the line in ``file``.
    """

    text: str
    file: str | None = None
    line: int = 0


def find_cause(lines: Iterable[str]) -> Cause | None:
    """Return the last exception or refusal in the lines of a log; ``None`` if there is none.

    Of an exception in a Ray task it is the one that the task has raised, and of a chain the one that was raised last.
    What workers print counts where the script itself says nothing.
    """
    lines = list(lines)
    own = [line for line in lines if not _OF_WORKER.match(line)]
    return _last_cause(own) or _last_cause(_OF_WORKER.sub("", line) for line in lines if _OF_WORKER.match(line))


def find_crash(lines: Iterable[str]) -> Cause | None:
    """Return the last line that native code or Python printed before it was ended by a signal of its own."""
    found = [match[0].strip() for line in lines if (match := _CRASH.match(line))]
    return Cause(found[-1]) if found else None


def _last_cause(lines: Iterable[str]) -> Cause | None:
    found: Cause | None = None
    is_traceback, place = False, Cause("")
    for line in map(_without_group, lines):
        if line.startswith(_INSIDE):
            frame = _FRAME.search(line)
            is_traceback = is_traceback or frame is not None or _HEAD in line
            if frame is not None and not (place.file and _LIBRARIES.search(frame["file"])):
                place = Cause("", frame["file"], int(frame["line"]))
            continue
        if line.startswith(_HEAD):
            is_traceback, place = True, Cause("")
            continue
        if is_traceback and _EXCEPTION.match(line):
            found = replace(place, text=line)
            if place.file is not None and _LIBRARIES.search(place.file):
                found = Cause(line)
        elif _REFUSAL.match(line):
            found = Cause(line)
        is_traceback, place = False, Cause("")
    return found


def _without_group(line: str) -> str:
    return _OF_GROUP.sub("", line) if line.lstrip()[:1] in {"|", "+"} else line


def explain_exit(
    exit_: ProcessExit, lines: Sequence[str] | None, *, oom_kills: int, display: Callable[[str], str]
) -> str:
    """Return why a script failed: the cause on the first line, then where and what to do.

    Args:
        exit_: how its process ended: by a signal, or with an exit status other than 0.
        lines: the last lines of its log; ``None`` where that is gone.
        oom_kills: how many processes the kernel has killed for lack of memory while it ran.
        display: writes the path of a source file for people.
    """
    return "\n".join(_sentences(exit_, lines, oom_kills, display))


def _sentences(
    exit_: ProcessExit, log: Sequence[str] | None, oom_kills: int, display: Callable[[str], str]
) -> Iterator[str]:
    how = _how_it_ended(exit_)
    if oom_kills and "SIGKILL" in how:
        yield f"Killed by the kernel: out of memory ({how})"
        yield _LESS_MEMORY
        return
    lines = log or ()
    cause = find_cause(lines) if exit_.signal is None else find_crash(lines)
    last = next((line.strip(" │|") for line in reversed(lines) if re.search(r"\w", line)), None)
    if cause is not None:
        after = _said_after(cause, lines) if exit_.signal is None else None
        yield f"{_cut(cause.text)} ({how}){f'; the last line of its log: {_cut(after)}' if after else ''}"
    elif exit_.signal is not None:
        yield f"Killed by {how}"
    else:
        said = (
            f"the last line of its log: {_cut(last)}" if last else f"its log is {'missing' if log is None else 'empty'}"
        )
        yield f"{how[0].upper()}{how[1:]}; {said}"
    if cause is not None and cause.file is not None:
        verb = "correct" if _IS_SYNTAX.match(cause.text) else "raised at"
        yield f"{verb} {display(cause.file)}:{cause.line}"
    said = cause.text if cause is not None else last or ""
    yield from [remedy for pattern, remedy in _REMEDIES if exit_.signal is None and re.search(pattern, said)][:1]
    if exit_.signal == "SIGKILL":
        yield "the kernel's counter shows no lack of memory: something else sent the signal (see dmesg)"
    elif oom_kills:
        processes = counted(oom_kills, "process", "processes")
        yield f"the kernel killed {processes} meanwhile, out of memory: {_LESS_MEMORY}"


def _said_after(cause: Cause, lines: Sequence[str]) -> str | None:
    """Return the script's last line if it went on after the cause: it may have handled that, and ended for another."""
    own = (line for line in reversed(lines) if not (_OF_WORKER.match(line) or is_progress(line)))
    last = next(own, cause.text)
    return None if last == cause.text or last.startswith(_GOES_ON) else last


def _how_it_ended(exit_: ProcessExit) -> str:
    if exit_.signal is not None:
        hint = _SIGNALS.get(exit_.signal)
        return f"{exit_.signal}, {hint}" if hint else exit_.signal
    name = _signal_of(exit_.returncode)
    return f"exit status {exit_.returncode}{f', {name}' if name else ''}"


def _signal_of(returncode: int | None) -> str | None:
    """Return the signal that a shell means by an exit status above 128."""
    try:
        return signal.Signals((returncode or 0) - 128).name
    except ValueError:
        return None


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"
