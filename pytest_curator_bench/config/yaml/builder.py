# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From libyaml's events to :class:`YamlMapping` and :class:`YamlList`.

PyYAML's own composer can't be used: it recurses in C without a bound, so that a file of a hundred thousand
``[`` ends the process, and it drops positions and duplicate keys. The builder keeps a stack of its own
instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from pytest_curator_bench.config.problems import Place, Problem, quote
from pytest_curator_bench.config.yaml.scalars import is_standard, plain_value, short_tag, tagged_value
from pytest_curator_bench.config.yaml.values import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_DEPTH = 100
TOO_DEEP = f"found more than {MAX_DEPTH} levels of nesting, expected fewer"
# What aliases may add to a document, in nodes: far above any configuration (10,000 entries that share a
# mapping of 30 values add 300,000), far below what hurts.
ALIAS_ALLOWANCE = 1_000_000
ALIAS_FACTOR = 20
_TEXT_PER_NODE = 64
_MERGE_KEY = "<<"


class SourceError(Exception):
    """A file that can't be read as YAML.

    Attributes:
        problems: what is wrong, at least one.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems)
        self.problems = problems


class _ListFrame:
    """A list that is being built.

    Attributes:
        content: the list.
        anchor: its anchor, if it has one.
        awaits_key: false: lists have no keys.
        size: nodes in it, what aliases stand for counted in full.
        depth: levels in it, likewise.
    """

    __slots__ = ("anchor", "awaits_key", "content", "depth", "size")

    def __init__(self, place: Place, anchor: str | None) -> None:
        self.content = YamlList(place)
        self.anchor = anchor
        self.awaits_key = False
        self.size = 1
        self.depth = 1

    def add(self, value: object, file: Path, line: int, text: str | None) -> None:
        self.content.append(value)
        self.content.places.append(Place(file, line, text))

    def finish(self) -> YamlList:
        return self.content


class _MappingFrame:
    """A mapping that is being built.

    Attributes:
        content: the mapping.
        anchor: its anchor, if it has one.
        awaits_key: whether the next value is a key.
        key: the key that waits for its value.
        key_line: that key's line.
        merging: whether that key is ``<<``.
        merges: the mappings that ``<<`` brings in, in the order written.
        size: nodes in it, what aliases stand for counted in full.
        depth: levels in it, likewise.
    """

    __slots__ = ("anchor", "awaits_key", "content", "depth", "key", "key_line", "merges", "merging", "size")

    def __init__(self, place: Place, anchor: str | None) -> None:
        self.content = YamlMapping(place)
        self.anchor = anchor
        self.awaits_key = True
        self.key = ""
        self.key_line = 0
        self.merging = False
        self.merges: list[YamlMapping] = []
        self.size = 1
        self.depth = 1

    def add(self, value: object, file: Path, _line: int, text: str | None) -> None:
        # The key's line, not the value's: a block of text begins a line later, an alias stands elsewhere.
        place = Place(file, self.key_line, text)
        self.awaits_key = True
        if self.merging:
            self._add_merge(value, place)
        else:
            self.content[self.key] = value
            self.content.places[self.key] = place

    def _add_merge(self, value: object, place: Place) -> None:
        found = value if isinstance(value, YamlList) else [value]
        merges = [item for item in found if isinstance(item, YamlMapping)]
        if len(merges) < len(found):
            text = f"found something else behind {_MERGE_KEY}, expected an alias of a mapping or a list of such"
            raise SourceError(Problem(place, "", text))
        self.merges += merges

    def finish(self) -> YamlMapping:
        """The mapping, what ``<<`` brings in first; its own keys win, then the mapping named earlier."""
        if not self.merges:
            return self.content
        merged = YamlMapping(self.content.place)
        for source in (*reversed(self.merges), self.content):
            merged.update(source)
            merged.places.update(source.places)
        self.content = merged
        return merged


class Builder:
    """Builds what one file holds.

    Attributes:
        documents: how many documents there were.
        root: the value of the document.
        root_line: the line at which it begins.
        problems: duplicate keys.
    """

    def __init__(self, file: Path) -> None:
        self.documents = 0
        self.root: object = None
        self.root_line = 1
        self.problems: list[Problem] = []
        self._file = file
        self._stack: list[_MappingFrame | _ListFrame] = []
        self._anchors: dict[str, tuple[object, str | None, int, int]] = {}
        self._plain: dict[str, object] = {}
        self._events = 0
        self._from_aliases = 0

    def read(self, text: str) -> None:
        """Take in a whole file; raises yaml.YAMLError and SourceError."""
        handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            handler = handlers.get(type(event))
            if handler:
                handler(event)

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            self._refuse(_line(event), "found a second document, expected one mapping alone in the file")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text: str = event.value
        line = _line(event)
        self._events += 1
        frame = self._stack[-1] if self._stack else None
        value: object = text
        if isinstance(frame, _MappingFrame) and frame.awaits_key:
            self._key(frame, text, line, merging=event.implicit[0] and text == _MERGE_KEY)
        else:
            value = self._value(event, text, line)
            self._add(value, line, text, size=1, depth=0)
        if event.anchor:
            self._anchors[event.anchor] = (value, text, 1 + len(text) // _TEXT_PER_NODE, 0)

    def _value(self, event: yaml.ScalarEvent, text: str, line: int) -> object:
        """The value of a scalar; unquoted ones are worked out once: few words make up most of a file."""
        try:
            if event.tag is not None:
                return tagged_value(event.tag, text)
            if not event.implicit[0]:
                return text
            if text not in self._plain:
                self._plain[text] = plain_value(text)
            return self._plain[text]
        except LookupError:
            self._refuse_tag(event.tag, line)
        except ValueError:
            self._refuse(line, f"found {quote(text)}, expected a value of the type that it looks like")

    def _key(self, frame: _MappingFrame, text: str, line: int, *, merging: bool) -> None:
        """Take ``text`` as the next key, as it is written: ``on`` and ``1`` are keys like any other."""
        if not merging and text in frame.content:
            first = frame.content.places[text].line
            found = f"found the key {quote(text)} twice (first in line {first}), expected each key once"
            self.problems.append(Problem(Place(self._file, line), "", found))
        frame.awaits_key = False
        frame.key = text
        frame.key_line = line
        frame.merging = merging

    def _start(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        line = _line(event)
        self._events += 1
        is_mapping = type(event) is yaml.MappingStartEvent
        if not is_standard(event.tag, "map" if is_mapping else "seq"):
            self._refuse_tag(event.tag, line)
        if self._stack and self._stack[-1].awaits_key:
            self._refuse(line, "found a mapping or a list as a key, expected text")
        if len(self._stack) >= MAX_DEPTH:
            self._refuse_depth(line)
        place = Place(self._file, line)
        self._stack.append((_MappingFrame if is_mapping else _ListFrame)(place, event.anchor))

    def _end(self, _event: yaml.Event) -> None:
        frame = self._stack.pop()
        content = frame.finish()
        if frame.anchor:
            self._anchors[frame.anchor] = (content, None, frame.size, frame.depth)
        self._add(content, content.place.line, None, size=frame.size, depth=frame.depth)

    def _alias(self, event: yaml.AliasEvent) -> None:
        line = _line(event)
        self._events += 1
        name = event.anchor or ""
        if any(frame.anchor == name for frame in self._stack):
            self._refuse(line, f"found the alias *{name} inside of what it stands for, expected no recursion")
        if name not in self._anchors:
            self._refuse(line, f"found the alias *{name}, expected an anchor of that name before it")
        value, text, size, depth = self._anchors[name]
        self._from_aliases += size
        if self._from_aliases > max(ALIAS_ALLOWANCE, ALIAS_FACTOR * self._events):
            self._refuse(line, f"found aliases that stand for {self._from_aliases:,} values, expected far fewer")
        if len(self._stack) + depth > MAX_DEPTH:
            self._refuse_depth(line)
        frame = self._stack[-1]
        if not (isinstance(frame, _MappingFrame) and frame.awaits_key):
            self._add(value, line, text, size=size, depth=depth)
        elif text is None:
            self._refuse(line, "found a mapping or a list as a key, expected text")
        else:
            self._key(frame, text, line, merging=False)

    def _add(self, value: object, line: int, text: str | None, *, size: int, depth: int) -> None:
        """Put a finished value where it belongs."""
        if not self._stack:
            self.root = value
            self.root_line = line
            return
        frame = self._stack[-1]
        frame.size += size
        if depth >= frame.depth:
            frame.depth = depth + 1
        frame.add(value, self._file, line, text)

    def _refuse_tag(self, tag: str | None, line: int) -> NoReturn:
        self._refuse(line, f"found the tag {short_tag(tag or '!')}, expected plain YAML: tags are not supported")

    def _refuse_depth(self, line: int) -> NoReturn:
        self._refuse(line, TOO_DEEP)

    def _refuse(self, line: int, text: str) -> NoReturn:
        raise SourceError(Problem(Place(self._file, line), "", text))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
