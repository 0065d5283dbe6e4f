# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The data in a pickle without its code: an interpreter of the pickle language that can't import or call.

A pickle is a program. :mod:`pickle` runs it: even with a strict ``find_class``, six bytes make its memo
allocate gigabytes, and any class or function that is let through is one that the file may call, as often as
it likes, on arguments of its choice. This reader knows no classes at all. Where a pickle names a class or
function, it puts a ``Reference``; where it makes an object, an ``InertObject`` that remembers what it was
made of. There is no instruction left that could do anything else. What each costs is bounded by the bytes
that it takes up in the file, so memory and time grow with the file alone.

Only what statistics need is kept: long strings are cut, long byte strings (the data that tasks carry) are
skipped without being read, sets become lists, and dictionary keys strings. 5 million instructions take 1.2 s,
twice what the C unpickler takes with a ``find_class`` that gives stand-ins.

The instructions are those that ``pickletools`` documents, protocols 0 to 5.
"""

from __future__ import annotations

import pickle as op  # for the names of the instructions alone
import struct

from pytest_curator_bench.results.tasks.inert_machine import OPAQUE, InertObject, Machine, Reference

TYPE_CHECKING = False  # as in inert_machine
if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap
    from typing import Any

__all__ = ["InertPickleError", "load_inert"]

HIGHEST_PROTOCOL = 5

_FLOAT = struct.Struct(">d").unpack_from
_SIGNED_32 = struct.Struct("<i").unpack_from


class InertPickleError(Exception):
    """Not a whole pickle; the message goes on where a sentence has named the file."""


def load_inert(data: bytes | mmap) -> Any:
    """Read one pickle; objects that it shares are shared in the result.

    Args:
        data: the pickle; what follows its end is not looked at.

    Returns:
        ``None``, booleans, numbers, strings, bytes, tuples, lists, dictionaries with string keys, references,
        inert objects and ``OPAQUE``.

    Raises:
        InertPickleError: not a pickle, a damaged one, or one that is cut off.
    """
    machine = Machine(data)
    instructions = _INSTRUCTIONS
    try:
        while not machine.stopped:
            code = data[machine.position]
            machine.position += 1
            instructions[code](machine)
        return machine.stack[-1]
    except (EOFError, struct.error):
        ended = True
    except (IndexError, KeyError, TypeError, ValueError, AttributeError):
        ended = machine.position >= len(data) and not machine.stopped
    if ended:
        raise InertPickleError("is cut off: only a part of it was written")
    raise InertPickleError(f"is no pickle, or a damaged one: byte {machine.position} makes no sense")


def _get_8(machine: Machine) -> None:
    number = machine.data[machine.position]
    machine.position += 1
    if number < len(machine.memo):  # the most frequent instruction of all: no further call for it
        machine.stack.append(machine.memo[number])
    else:
        machine.get(number)


def _text_8(machine: Machine) -> None:
    begin = machine.position + 1
    end = begin + machine.data[begin - 1]
    if end > len(machine.data):
        raise EOFError
    machine.stack.append(machine.data[begin:end].decode("utf-8", "surrogatepass"))
    machine.position = end


def _float(machine: Machine) -> None:
    machine.stack.append(_FLOAT(machine.data, machine.position)[0])
    machine.position += 8


def _signed_32(machine: Machine) -> None:
    machine.stack.append(_SIGNED_32(machine.data, machine.position)[0])
    machine.position += 4


def _int_line(machine: Machine) -> None:
    line = machine.line()
    # Booleans are spelled as integers of two digits.
    machine.stack.append(line == b"01" if line in {b"00", b"01"} else int(line.rstrip(b"L")))


def _tuple_2(machine: Machine) -> None:
    second = machine.stack.pop()
    machine.stack[-1] = (machine.stack[-1], second)


def _tuple_3(machine: Machine) -> None:
    third, second = machine.stack.pop(), machine.stack.pop()
    machine.stack[-1] = (machine.stack[-1], second, third)


def _tuple(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.stack.append(tuple(items))


def _list(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.stack.append(items)


def _dict(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.stack.append({})
    machine.set_items(items)


def _set_item(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.set_items([key, value])


def _reference(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise TypeError
    machine.stack.append(Reference(module, name))


def _reference_lines(machine: Machine) -> None:
    module, name = machine.line().decode(), machine.line().decode()
    machine.stack.append(Reference(module, name))


def _extension(number: int) -> Reference:
    return Reference("extension registry", str(number))


def _call_with_keywords(machine: Machine) -> None:
    machine.stack.pop()
    machine.call()


def _call_marked(machine: Machine) -> None:
    origin, *arguments = machine.pop_mark()
    machine.stack.append(InertObject(origin, tuple(arguments)))


def _call_lines(machine: Machine) -> None:
    arguments = machine.pop_mark()
    _reference_lines(machine)
    machine.stack.append(InertObject(machine.stack.pop(), tuple(arguments)))


def _persistent(machine: Machine) -> None:
    machine.stack[-1] = InertObject("persistent", machine.stack[-1])


def _protocol(machine: Machine) -> None:
    if machine.unsigned_8() > HIGHEST_PROTOCOL:
        raise ValueError


def _stop(machine: Machine) -> None:
    machine.stopped = True


def _unknown(_: Machine) -> None:
    raise ValueError


_TABLE: dict[bytes, Callable[[Machine], object]] = {
    # the memo
    op.MEMOIZE: lambda machine: machine.memo.append(machine.stack[-1]),
    op.BINPUT: lambda machine: machine.put(machine.unsigned_8()),
    op.LONG_BINPUT: lambda machine: machine.put(machine.unsigned_32()),
    op.PUT: lambda machine: machine.put(int(machine.line())),
    op.BINGET: _get_8,
    op.LONG_BINGET: lambda machine: machine.get(machine.unsigned_32()),
    op.GET: lambda machine: machine.get(int(machine.line())),
    # constants and numbers
    op.NONE: lambda machine: machine.stack.append(None),
    op.NEWTRUE: lambda machine: machine.stack.append(True),
    op.NEWFALSE: lambda machine: machine.stack.append(False),
    op.BININT1: lambda machine: machine.stack.append(machine.unsigned_8()),
    op.BININT2: lambda machine: machine.stack.append(machine.unsigned_16()),
    op.BININT: _signed_32,
    op.INT: _int_line,
    op.LONG: _int_line,
    op.LONG1: lambda machine: machine.push_long(machine.unsigned_8()),
    op.LONG4: lambda machine: machine.push_long(machine.unsigned_32()),
    op.BINFLOAT: _float,
    op.FLOAT: lambda machine: machine.stack.append(float(machine.line())),
    # strings and bytes
    op.SHORT_BINUNICODE: _text_8,
    op.BINUNICODE: lambda machine: machine.push_text(machine.unsigned_32()),
    op.BINUNICODE8: lambda machine: machine.push_text(machine.unsigned_64()),
    op.UNICODE: lambda machine: machine.stack.append(machine.line().decode("raw-unicode-escape", "replace")),
    op.STRING: lambda machine: machine.stack.append(machine.line()[1:-1].decode("utf-8", "replace")),
    op.SHORT_BINSTRING: _text_8,
    op.BINSTRING: lambda machine: machine.push_text(machine.unsigned_32()),
    op.SHORT_BINBYTES: lambda machine: machine.push_bytes(machine.unsigned_8()),
    op.BINBYTES: lambda machine: machine.push_bytes(machine.unsigned_32()),
    op.BINBYTES8: lambda machine: machine.push_bytes(machine.unsigned_64()),
    op.BYTEARRAY8: lambda machine: machine.push_bytes(machine.unsigned_64()),
    op.NEXT_BUFFER: lambda machine: machine.stack.append(OPAQUE),
    op.READONLY_BUFFER: lambda machine: None,
    # containers
    op.EMPTY_TUPLE: lambda machine: machine.stack.append(()),
    op.TUPLE1: lambda machine: machine.stack.append((machine.stack.pop(),)),
    op.TUPLE2: _tuple_2,
    op.TUPLE3: _tuple_3,
    op.TUPLE: _tuple,
    op.EMPTY_LIST: lambda machine: machine.stack.append([]),
    op.LIST: _list,
    op.APPEND: lambda machine: machine.extend([machine.stack.pop()]),
    op.APPENDS: lambda machine: machine.extend(machine.pop_mark()),
    op.EMPTY_SET: lambda machine: machine.stack.append([]),
    op.FROZENSET: _list,
    op.ADDITEMS: lambda machine: machine.extend(machine.pop_mark()),
    op.EMPTY_DICT: lambda machine: machine.stack.append({}),
    op.DICT: _dict,
    op.SETITEM: _set_item,
    op.SETITEMS: lambda machine: machine.set_items(machine.pop_mark()),
    # what would import or call: it becomes a description of what would have been done
    op.GLOBAL: _reference_lines,
    op.STACK_GLOBAL: _reference,
    op.EXT1: lambda machine: machine.stack.append(_extension(machine.unsigned_8())),
    op.EXT2: lambda machine: machine.stack.append(_extension(machine.unsigned_16())),
    op.EXT4: lambda machine: machine.stack.append(_extension(machine.unsigned_32())),
    op.REDUCE: Machine.call,
    op.NEWOBJ: Machine.call,
    op.NEWOBJ_EX: _call_with_keywords,
    op.OBJ: _call_marked,
    op.INST: _call_lines,
    op.BUILD: Machine.build,
    op.PERSID: lambda machine: machine.stack.append(InertObject("persistent", machine.line())),
    op.BINPERSID: _persistent,
    # the machine itself
    op.MARK: Machine.mark,
    op.POP: Machine.pop,
    op.POP_MARK: Machine.pop_mark,
    op.DUP: lambda machine: machine.stack.append(machine.stack[-1]),
    op.FRAME: lambda machine: machine.skip(8),  # a length that only helps readers who read ahead
    op.PROTO: _protocol,
    op.STOP: _stop,
}
_INSTRUCTIONS = [_TABLE.get(bytes([code]), _unknown) for code in range(256)]
