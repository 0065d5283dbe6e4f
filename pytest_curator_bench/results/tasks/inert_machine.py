# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The stack machine that pickles are written for, and the inert values that it works on."""

from __future__ import annotations

import struct

TYPE_CHECKING = False  # the constant of typing, without its import: a process is started for large files
if TYPE_CHECKING:
    from mmap import mmap
    from typing import Any

__all__ = ["OPAQUE", "InertObject", "Machine", "Reference"]

MAX_KEPT_BYTES = 1000
OPAQUE = object()  # stands for bytes, buffers and numbers that are too long to be statistics

_UNSIGNED_16 = struct.Struct("<H").unpack_from
_UNSIGNED_32 = struct.Struct("<I").unpack_from
_UNSIGNED_64 = struct.Struct("<Q").unpack_from


class Reference:
    """A class or function that the pickle names; it is never looked up.

    Attributes:
        module: what the pickle gives as module.
        name: what it gives as qualified name.
    """

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name


class InertObject:
    """What the pickle would make by calling something.

    Attributes:
        origin: what it would call, most often a :class:`Reference`.
        arguments: what it would call it with, most often a tuple.
        state: what it would set as the object's state, most often a dictionary of attributes.
        elements: what it would append or add to it, if anything.
        mapping: the items that it would set in it, if any.
    """

    __slots__ = ("arguments", "elements", "mapping", "origin", "state")

    def __init__(self, origin: Any, arguments: Any) -> None:
        self.origin = origin
        self.arguments = arguments
        self.state: Any = None
        self.elements: list[Any] | None = None
        self.mapping: dict[str, Any] | None = None


class Machine:
    """State of one reading, and the steps that instructions are made of.

    Its methods raise EOFError or struct.error where the data end too early, IndexError where the stack is too
    short, and KeyError, TypeError, ValueError or AttributeError where an instruction makes no sense.

    Attributes:
        data: the pickle.
        position: where its next byte to read is.
        stack: the stack above the innermost mark.
        outer_stacks: the stacks below, one per open mark.
        memo: values that the pickle refers back to, by number.
        sparse_memo: those whose number is out of sequence: one large number would make a list huge.
        stopped: whether the last instruction was the end.
    """

    __slots__ = ("data", "memo", "outer_stacks", "position", "sparse_memo", "stack", "stopped")

    def __init__(self, data: bytes | mmap) -> None:
        self.data = data
        self.position = 0
        self.stack: list[Any] = []
        self.outer_stacks: list[list[Any]] = []
        self.memo: list[Any] = []
        self.sparse_memo: dict[int, Any] = {}
        self.stopped = False

    def skip(self, count: int) -> int:
        """Go on by ``count`` bytes and return the position before."""
        begin = self.position
        if begin + count > len(self.data):
            raise EOFError
        self.position = begin + count
        return begin

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        begin = self.skip(count)
        return self.data[begin : self.position]

    def line(self) -> bytes:
        """The bytes up to the next newline, cut if they are many."""
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise EOFError
        begin = self.skip(end + 1 - self.position)
        return self.data[begin : min(end, begin + MAX_KEPT_BYTES)]

    def unsigned_8(self) -> int:
        """The next byte as a number."""
        value = self.data[self.position]
        self.position += 1
        return value

    def unsigned_16(self) -> int:
        """The next two bytes as a number."""
        value: int = _UNSIGNED_16(self.data, self.position)[0]
        self.position += 2
        return value

    def unsigned_32(self) -> int:
        """The next four bytes as a number."""
        value: int = _UNSIGNED_32(self.data, self.position)[0]
        self.position += 4
        return value

    def unsigned_64(self) -> int:
        """The next eight bytes as a number."""
        value: int = _UNSIGNED_64(self.data, self.position)[0]
        self.position += 8
        return value

    def push_text(self, length: int) -> None:
        """Push the next ``length`` bytes as a string, cut if it is long."""
        if length <= MAX_KEPT_BYTES:
            self.stack.append(self.take(length).decode("utf-8", "surrogatepass"))
        else:
            begin = self.skip(length)
            kept = self.data[begin : begin + MAX_KEPT_BYTES]
            self.stack.append(kept.decode("utf-8", "replace") + "…")

    def push_bytes(self, length: int) -> None:
        """Push the next ``length`` bytes, or ``OPAQUE`` without reading them if they are many."""
        if length <= MAX_KEPT_BYTES:
            self.stack.append(self.take(length))
        else:
            self.skip(length)
            self.stack.append(OPAQUE)

    def push_long(self, length: int) -> None:
        """Push the next ``length`` bytes as a signed number, or ``OPAQUE`` if they are many."""
        self.push_bytes(length)
        if self.stack[-1] is not OPAQUE:
            self.stack[-1] = int.from_bytes(self.stack[-1], "little", signed=True)

    def mark(self) -> None:
        """Begin a new stack on top of the others."""
        self.outer_stacks.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Any]:
        """Take everything above the innermost mark, and the mark."""
        taken = self.stack
        self.stack = self.outer_stacks.pop()
        return taken

    def pop(self) -> None:
        """Drop the top of the stack, or the mark if that is on top."""
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    def put(self, number: int) -> None:
        """Keep the top of the stack under ``number``."""
        if number == len(self.memo):
            self.memo.append(self.stack[-1])
        elif 0 <= number < len(self.memo):
            self.memo[number] = self.stack[-1]
        else:
            self.sparse_memo[number] = self.stack[-1]

    def get(self, number: int) -> None:
        """Push what is kept under ``number``."""
        self.stack.append(self.memo[number] if 0 <= number < len(self.memo) else self.sparse_memo[number])

    def extend(self, values: list[Any]) -> None:
        """Append ``values`` to the list or inert object on top of the stack."""
        target = self.stack[-1]
        if type(target) is InertObject:
            if target.elements is None:
                target.elements = []
            target = target.elements
        target.extend(values)

    def set_items(self, keys_and_values: list[Any]) -> None:
        """Set alternating keys and values in the dictionary or inert object on top of the stack."""
        target = self.stack[-1]
        if type(target) is InertObject:
            if target.mapping is None:
                target.mapping = {}
            target = target.mapping
        if type(target) is not dict:
            raise TypeError
        for key, value in zip(keys_and_values[::2], keys_and_values[1::2], strict=True):
            if type(key) is str:
                target[key] = value
            elif key is None or isinstance(key, int | float):
                # Numbers can be chosen to share a hash, which makes a dictionary crawl; strings can't.
                target[str(key)] = value
            # No other key belongs to statistics.

    def call(self) -> None:
        """Replace a callable and its arguments on the stack by an inert object."""
        arguments = self.stack.pop()
        self.stack[-1] = InertObject(self.stack[-1], arguments)

    def build(self) -> None:
        """Give the state on top of the stack to the inert object below it."""
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is InertObject:
            target.state = state
