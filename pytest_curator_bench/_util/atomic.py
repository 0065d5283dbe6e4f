# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Files as this project writes and opens them: whole or not at all, strict JSON, and never a hanging open."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import secrets
import stat
from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from enum import Enum
from numbers import Number
from pathlib import Path, PurePath
from typing import Any

from pytest_curator_bench._util.container import to_host_path

__all__ = ["display_path", "json_line", "open_regular", "read_json_object", "to_plain", "write_bytes", "write_json"]

# Deeper values are cut: dataclasses.asdict and the json module recurse over what leaves this module.
MAX_DEPTH = 64
MAX_REPR_CHARACTERS = 200
# Python refuses to print longer integers (sys.set_int_max_str_digits), which would lose the whole file.
MAX_INTEGER_BITS = 10_000
MAX_ARRAY_ELEMENTS = 10_000
# Files up to this size are indented for people; indenting takes the json module's slow encoder.
MAX_INDENTED_CHARACTERS = 256 * 1024


def write_json(path: Path, data: object, *, durable: bool = True) -> None:
    """Write ``data`` to ``path`` as strict JSON; readers see the old content or the new, never a part.

    What JSON can't carry goes through :func:`to_plain`; NaN and infinities become the strings ``"NaN"``,
    ``"Infinity"`` and ``"-Infinity"``.

    Args:
        path: where to; its directory must exist.
        data: anything.
        durable: as for :func:`write_bytes`.

    Raises:
        OSError: the file can't be written; nothing is left behind, and an old file stays as it was.
    """
    write_bytes(path, _encode(data), durable=durable)


def read_json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds; an empty one if it can't be read or holds something else."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` to ``path``; readers see the old content or the new, never a part.

    Args:
        path: where to; its directory must exist.
        data: the whole content.
        durable: wait until the content is on the disk, so that it outlives a crash of the machine, too. The
            directory is not synced: that would only decide which of the two files such a crash leaves.

    Raises:
        OSError: the file can't be written; nothing is left behind, and an old file stays as it was.
    """
    # The name starts with a dot and ends in .tmp, so no pattern for results ever matches it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        # No tempfile here: it makes files that only their owner can read, and results are shared.
        with temporary.open("xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def json_line(data: object) -> str:
    """``data`` as strict JSON on one line without its end, converted as :func:`write_json` does."""
    try:
        # Nearly all data is plain already: the C encoder is 20 times faster than looking at every value.
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
        text.encode()
    except Exception:  # whatever it was, to_plain takes it
        text = json.dumps(to_plain(data, strict=True), ensure_ascii=False, allow_nan=False)
    return text


def _encode(data: object) -> bytes:
    text = json_line(data)
    if len(text) <= MAX_INDENTED_CHARACTERS:
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    return f"{text}\n".encode()


def open_regular(path: Path) -> int:
    """Open a file that somebody else made for reading; pipes and devices neither block nor get through.

    Symbolic links are followed: what counts is what is read.

    Returns:
        A file descriptor, which the caller closes.

    Raises:
        OSError: missing, not readable, or no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "Not a regular file", str(path))


def to_plain(value: object, *, strict: bool = False) -> object:
    """``value`` made of ``None``, booleans, numbers, strings, lists and string-keyed dictionaries alone.

    Never raises, whatever ``value`` is. Enum members become their values; paths, dates and bytes become
    strings, time spans seconds, dataclasses and mappings dictionaries, sequences and sets lists (sets in
    order), scalars and arrays of numpy and torch (known by ``item`` and ``tolist`` alone) numbers and lists.
    Keys become what JSON makes of them. Anything else, a cycle, or what is deeper than 64 levels becomes its
    ``repr``, cut at 200 characters.

    Args:
        value: anything.
        strict: NaN and infinities become strings; without it they stay floats.
    """
    return _Converter(strict=strict).convert(value, 0)


class _Converter:
    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._open: set[int] = set()  # the containers that we are inside of, to find cycles

    def convert(self, value: object, depth: int) -> object:
        try:
            if value is None or isinstance(value, bool):
                return value
            if isinstance(value, str | int | float) and not isinstance(value, Enum):
                return self._scalar(value)
            return self._nested(value, depth)
        except Exception:  # foreign objects run foreign code, and one of them must not lose a file
            return _short_repr(value)

    def _nested(self, value: object, depth: int) -> object:
        if depth >= MAX_DEPTH or id(value) in self._open:
            return _short_repr(value)
        self._open.add(id(value))
        try:
            return self._convert_object(value, depth + 1)
        finally:
            self._open.discard(id(value))

    def _scalar(self, value: str | float) -> object:
        if isinstance(value, str):
            return _clean(str.__str__(value))  # a subclass becomes a string
        if isinstance(value, int):
            return int(value) if value.bit_length() <= MAX_INTEGER_BITS else _short_repr(value)
        if self._strict and not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return float(value)

    def _convert_object(self, value: object, depth: int) -> object:  # noqa: C901, PLR0911  # one case a type
        match value:
            case Enum():
                return self.convert(value.value, depth)
            case Mapping():
                return {self._key(key, depth): self.convert(item, depth) for key, item in value.items()}
            case list() | tuple() | deque():
                return [self.convert(item, depth) for item in value]
            case AbstractSet():
                return [self.convert(item, depth) for item in _sorted(value)]
            case bytes() | bytearray() | memoryview():
                return _clean(bytes(value).decode(errors="replace"))
            case PurePath():
                return _clean(str(value))
            case date() | time():  # a datetime is a date
                return value.isoformat()
            case timedelta():
                return value.total_seconds()
        if is_dataclass(value) and not isinstance(value, type):
            return {field.name: self.convert(getattr(value, field.name), depth) for field in fields(value)}
        if callable(getattr(value, "item", None)):
            return self._array(value, depth)
        return self._number(value)

    def _array(self, value: object, depth: int) -> object:
        size = getattr(value, "size", 1)
        size = size() if callable(size) else size  # torch has a method, and its product is numel
        count = math.prod(size) if isinstance(size, tuple) else size
        if count == 1:
            item = value.item()  # type: ignore[attr-defined]  # asked for above
            # numpy's long double gives itself
            return self._number(item) if type(item) is type(value) else self.convert(item, depth)
        if isinstance(count, int) and count <= MAX_ARRAY_ELEMENTS:
            return self.convert(value.tolist(), depth)  # type: ignore[attr-defined]  # what has item has tolist
        return _short_repr(value)

    def _number(self, value: object) -> object:
        if isinstance(value, Number):
            return self._scalar(float(value))  # type: ignore[arg-type]  # a complex one raises: its repr
        return _short_repr(value)

    def _key(self, key: object, depth: int) -> str:
        plain = key if type(key) is str else self.convert(key, depth)
        if isinstance(plain, str):
            return _clean(plain)
        if plain is None or isinstance(plain, bool):
            return {None: "null", True: "true", False: "false"}[plain]
        return str(plain)


def _clean(text: str) -> str:
    """``text`` with lone surrogates, which no UTF-8 file can hold, spelled out."""
    if text.isascii():
        return text
    return text.encode(errors="backslashreplace").decode()


def _sorted(values: AbstractSet[object]) -> list[object]:
    try:
        return sorted(values)  # type: ignore[type-var]  # what can't be sorted raises
    except TypeError:
        return sorted(values, key=lambda value: (type(value).__name__, _short_repr(value)))


def _short_repr(value: object) -> str:
    try:
        text = _clean(repr(value))
    except Exception:  # as above; an integer too long to print comes here, too
        text = f"<{type(value).__name__} that can't be printed>"
    return text if len(text) <= MAX_REPR_CHARACTERS else f"{text[: MAX_REPR_CHARACTERS - 1]}…"


def display_path(path: Path, start: Path) -> str:
    """The path as people call it: relative to where they are, if it lies below that; else as the host calls it."""
    plain = Path(os.path.normpath(path))
    return str(plain.relative_to(start)) if plain.is_relative_to(start) else str(to_host_path(plain))
