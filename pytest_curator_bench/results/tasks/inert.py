# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Unpickling without the pickle's code: whatever it names is replaced by a class that only remembers."""

from __future__ import annotations

import pickle
from itertools import repeat

TYPE_CHECKING = False  # the constant of typing, without its import: the reading process has to start quickly
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, BinaryIO, Self

__all__ = ["Inert", "TaskFileError", "load_inert"]


class TaskFileError(Exception):
    """The file has no statistics; the message continues a sentence that has named the file."""


class Inert:
    """An object that the pickle makes, or would get by calling something.

    Attributes:
        origin: name of the class or function that would have been called; of the class, on stand-ins for classes.
        arguments: what it would have been called with.
        state: what would have been set as the object's state, most often a dictionary of attributes.
        elements: what would have been appended or added to it, if anything.
        mapping: the items that would have been set in it, if any.
    """

    __slots__ = ("arguments", "elements", "mapping", "state")
    origin = "object"
    arguments: tuple[Any, ...]
    state: Any
    elements: list[Any] | None
    mapping: dict[Any, Any] | None

    def __new__(cls, *arguments: Any, **_: Any) -> Self:
        """Remember the arguments, and do nothing with them."""
        self = object.__new__(cls)
        self.arguments = arguments
        self.state = self.elements = self.mapping = None
        return self

    def __call__(self, *_: Any, **__: Any) -> Inert:
        """Give what calling the object would have given: nobody knows what."""
        return Inert()

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.mapping = {} if self.mapping is None else self.mapping
        self.mapping[key] = value

    def extend(self, values: Iterable[Any]) -> None:
        """Keep what a list would take."""
        self.elements = [] if self.elements is None else self.elements
        self.elements.extend(values)

    def append(self, value: Any) -> None:
        """Keep what a list, or a set, would take."""
        self.extend((value,))

    add = append


class _InertUnpickler(pickle.Unpickler):
    """Hands out stand-ins. A pickle gets at code through these two methods and extension codes alone.

    Extension codes are those that somebody has registered with ``copyreg`` in the process that reads.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, buffers=repeat(b""))
        self._stand_ins: dict[str, type[Inert]] = {}

    def find_class(self, module: str, name: str, /) -> type[Inert]:
        del module
        if name not in self._stand_ins:
            self._stand_ins[name] = type("StandIn", (Inert,), {"__slots__": (), "origin": name})
        return self._stand_ins[name]

    def persistent_load(self, pid: object, /) -> Inert:
        return Inert(pid)


def load_inert(file: BinaryIO) -> Any:
    """Read one pickle without running anything of it; objects that it shares are shared in the result.

    A small pickle can ask for any amount of memory and time: limit both, in a process that has registered no
    extension codes.

    Raises:
        TaskFileError: not a pickle, a damaged one, or one that is cut off.
    """
    try:
        return _InertUnpickler(file).load()
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, EOFError) or "truncated" in str(error):
            raise TaskFileError("is cut off: only a part of it was written") from None
        raise TaskFileError(f"is no pickle, or a damaged one: {str(error) or type(error).__name__}") from None
