# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""One YAML file as :class:`YamlMapping` and :class:`YamlList`, read by a composer of PyYAML's over libyaml's events.

It composes plain data with places instead of PyYAML's nodes. Nodes have no place for an alias, only for what it stands
for, refuse an anchor that is defined twice, and take twice as long to compose and convert, most of it in the garbage
collector (CPU seconds for 10,000 entries: 0.87 against 0.40).

Nothing in a file can name a Python object: only mappings, lists, text, numbers, booleans and null exist.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.reader import ReaderError

from pytest_curator_bench._util.atomic import read_regular
from pytest_curator_bench._util.text import quote
from pytest_curator_bench.config.problems import Place, Problem
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SafeLoader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

# Far above any configuration (nightly ones have 50 kB): somebody has named a data file.
MAX_BYTES = 64 * 1024**2
MAX_DEPTH = 100
# What aliases may add. Far above any configuration (10,000 entries that share a mapping of 30 values: 300,000), and far
# below what an alias bomb stands for.
MAX_VALUES = 1_000_000
_EXPECTED = "expected a mapping with results_dir and entries"
_TOO_DEEP = f"found more than {MAX_DEPTH} levels of nesting, expected fewer"
_EXCERPT_CHARACTERS = 100
_MERGE_KEY = "<<"
_STANDARD = "tag:yaml.org,2002:"
_TEXT = {"!", f"{_STANDARD}str"}
_constructor = SafeConstructor()
_CONSTRUCTORS = {
    f"{_STANDARD}bool": _constructor.construct_yaml_bool,
    f"{_STANDARD}float": _constructor.construct_yaml_float,
    f"{_STANDARD}int": _constructor.construct_yaml_int,
    f"{_STANDARD}null": _constructor.construct_yaml_null,
}
# Below what a float can hold, so that every number can be compared and converted.
_LONGEST_INTEGER_BITS = 1000


class SourceError(Exception):
    """A file that can't be read as YAML.

    Attributes:
        problems: what is wrong, at least one.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems)
        self.problems = problems


def read_yaml(file: Path) -> list[YamlMapping]:
    """Read the documents of a file; raises SourceError if it can't be read, and as :func:`parse_yaml`."""
    return parse_yaml(_read_bytes(file), file)


def parse_yaml(data: bytes, file: Path) -> list[YamlMapping]:
    """Return the documents of a file's content, each a mapping; empty ones, with comments at most, are left out.

    Raises:
        SourceError: if it isn't UTF-8 or YAML, or holds something other than a mapping, a tag, a duplicate key, more
            than 100 levels, or more than aliases may add.
    """
    documents: list[YamlMapping] = []
    try:
        composer = _Composer(data, file)
        while composer.check_node():
            root: object = composer.get_node()
            if isinstance(root, YamlMapping):
                documents.append(root)
            elif root is not None:
                found = "a list" if isinstance(root, YamlList) else "a single value"
                _refuse(file, f"found {found}, {_EXPECTED}", line=composer.root_line)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # libyaml reads ahead, and has a limit of its own.
        said = ", ".join(part for part in (error.context, error.problem) if part)
        if error.context_mark and mark and error.context_mark.line != mark.line:
            said += f" (begun in line {error.context_mark.line + 1})"
        excerpt = _excerpt(data, mark, error.context_mark)
        text = _TOO_DEEP if "nesting depth" in said else f"not valid YAML: {said}{_remedy(said, excerpt)}"
        _refuse(file, text, line=mark.line + 1 if mark else 0, excerpt=excerpt)
    except ReaderError as error:
        code = error.character if isinstance(error.character, int) else ord(error.character)
        text = f"found 0x{code:02x}, expected text in UTF-8 that can be printed: {error.reason}"
        _refuse(file, text, line=data.count(b"\n", 0, error.position) + 1)
    if composer.problems:
        raise SourceError(*composer.problems)
    return documents


def plain_value(text: str) -> object:
    """Return the number, boolean, null or text that an unquoted scalar means, as PyYAML's ``SafeLoader`` has it.

    A date stays text, because no key wants a date, and so does ``=``.

    Raises:
        ValueError: if it looks like a number but is none that Python can hold (``0b_``, 5,000 digits).
    """
    return _converted(_resolver.resolve(yaml.ScalarNode, text, (True, False)), text)


def _converted(tag: str, text: str) -> object:
    """Return the value of a scalar; the text itself for any tag but the typed ones."""
    construct = _CONSTRUCTORS.get(tag)
    if construct is None:
        return text
    try:
        value: object = construct(yaml.ScalarNode(tag, text))
    except (KeyError, IndexError) as error:
        raise ValueError(text) from error
    if isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER_BITS:
        raise ValueError(text)
    return value


class _Anchor(NamedTuple):
    """What an alias stands for: its value, text if it is a scalar, number of values in it, and levels."""

    value: object
    text: str | None
    size: int
    height: int


class _Composer(Composer):
    """PyYAML's composer over libyaml's events, which makes plain data with places of them.

    Attributes:
        problems: duplicate keys.
        root_line: the line at which the last document begins.
    """

    def __init__(self, data: bytes, file: Path) -> None:
        super().__init__()
        events = _SafeLoader(data)
        self.check_event: Callable[..., bool] = events.check_event
        self.get_event: Callable[[], Any] = events.get_event
        self.peek_event: Callable[[], Any] = events.peek_event
        self.problems: list[Problem] = []
        self.root_line = 1
        self._data = data
        self._file = file
        self._named: dict[str, _Anchor | None] = {}
        # Few words make up most of a file.
        self._plain: dict[str, object] = {}
        self._places: dict[int, Place] = {}
        self._depth = 0
        self._size = 0
        self._height = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> Any:
        """Return the value of the document's root; called by PyYAML."""
        del parent, index
        event = self.get_event()
        self.root_line = _line(event)
        return self._value(event)[0]

    def _value(self, event: Any, *, is_key: bool = False) -> tuple[object, str | None]:
        """Return the value that begins with ``event``, and its text if it is a scalar: of a key the text alone."""
        if type(event) is yaml.AliasEvent:
            return self._alias(event)
        before = self._size
        self._size += 1
        anchor = event.anchor
        if anchor:
            self._named[anchor] = None
        value: object
        if type(event) is yaml.ScalarEvent:
            text = event.value
            value = text if is_key else self._scalar(event, text)
            self._height = 0
        else:
            text = None
            value = self._collection(event)
        if anchor:
            self._named[anchor] = _Anchor(value, text, self._size - before, self._height)
        return value, text

    def _alias(self, event: Any) -> tuple[object, str | None]:
        anchor = self._named.get(event.anchor)
        if anchor is None and event.anchor in self._named:
            self._refuse(event, f"found the alias *{event.anchor} inside of what it stands for, expected no recursion")
        if anchor is None:
            self._refuse(event, f"found the alias *{event.anchor}, expected an anchor of that name before it")
        if self._depth + anchor.height > MAX_DEPTH:
            self._refuse(event, _TOO_DEEP)
        self._height = anchor.height
        self._size += anchor.size
        # The file itself has no more values than characters.
        if self._size - event.start_mark.index > MAX_VALUES:
            self._refuse(event, f"found aliases that stand for {self._size:,} values, expected far fewer")
        return anchor.value, anchor.text

    def _scalar(self, event: Any, text: str) -> object:
        try:
            if event.tag is None and event.implicit[0]:
                if text not in self._plain:
                    self._plain[text] = plain_value(text)
                return self._plain[text]
            if event.tag not in {None, *_TEXT, *_CONSTRUCTORS}:
                self._refuse_tag(event)
            return _converted(event.tag, text)
        except ValueError:
            self._refuse(event, f"found {quote(text)}, expected a value of the type that it looks like")

    def _collection(self, event: Any) -> YamlMapping | YamlList:
        is_mapping = type(event) is yaml.MappingStartEvent
        if event.tag not in {None, "!", f"{_STANDARD}{'map' if is_mapping else 'seq'}"}:
            self._refuse_tag(event)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(event, _TOO_DEEP)
        place = self._place(_line(event))
        value = self._mapping(place) if is_mapping else self._list(place)
        self._depth -= 1
        return value

    def _list(self, place: Place) -> YamlList:
        items = YamlList(place)
        height = 0
        while type(event := self.get_event()) is not yaml.SequenceEndEvent:
            value, text = self._value(event)
            items.put(value, self._place(_line(event), value, text))
            height = max(height, self._height)
        self._height = height + 1
        return items

    def _mapping(self, place: Place) -> YamlMapping:
        own = YamlMapping(place)
        merged: list[YamlMapping] = []
        height = 0
        while type(event := self.get_event()) is not yaml.MappingEndEvent:
            line = _line(event)
            key = self._value(event, is_key=True)[1]
            if key is None:
                self._refuse(event, "found a mapping or a list as a key, expected text")
            # The key's line, not the value's: a block of text begins a line later, an alias is elsewhere.
            value, text = self._value(self.get_event())
            height = max(height, self._height)
            if key == _MERGE_KEY and type(event) is yaml.ScalarEvent and event.implicit[0]:
                merged += self._merged(event, value)
                continue
            if key in own:
                first = own.places[key].line
                found = f"found the key {quote(key)} twice (first in line {first}), expected each key once"
                self.problems.append(Problem(Place(self._file, line), "", found))
            own.put(key, value, self._place(line, value, text))
        self._height = height + 1
        return _overlaid(own, merged) if merged else own

    def _place(self, line: int, value: object = None, text: str | None = None) -> Place:
        if text is not None and not isinstance(value, str):
            return Place(self._file, line, text)
        # One for all that is on a line: fewer objects for the garbage collector to look at.
        if line not in self._places:
            self._places[line] = Place(self._file, line)
        return self._places[line]

    def _merged(self, event: Any, value: object) -> list[YamlMapping]:
        found = value if isinstance(value, YamlList) else [value]
        mappings = [item for item in found if isinstance(item, YamlMapping)]
        if len(mappings) < len(found):
            text = f"found something else behind {_MERGE_KEY}, expected an alias of a mapping or a list of such"
            self._refuse(event, text)
        return mappings

    def _refuse_tag(self, event: Any) -> NoReturn:
        tag = event.tag
        written = f"!!{tag.removeprefix(_STANDARD)}" if tag.startswith(_STANDARD) else tag
        self._refuse(event, f"found the tag {written}, expected plain YAML: tags are not supported")

    def _refuse(self, event: Any, text: str) -> NoReturn:
        _refuse(self._file, text, line=_line(event), excerpt=_excerpt(self._data, event.start_mark))


# Resolves alone: it reads nothing.
_resolver = _SafeLoader("")


def _overlaid(own: YamlMapping, merged: list[YamlMapping]) -> YamlMapping:
    """Return a mapping's own keys on top of those that ``<<`` brings in, of which the first named take precedence."""
    whole = YamlMapping(own.place)
    for source in (*reversed(merged), own):
        whole.update(source)
        whole.places.update(source.places)
    return whole


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _read_bytes(file: Path) -> bytes:
    try:
        mode = file.stat().st_mode
        if stat.S_ISDIR(mode):
            _refuse(file, "found a directory, expected a YAML file")
        if not stat.S_ISREG(mode):
            _refuse(file, "found something that is no regular file, expected a YAML file")
        return read_regular(file, MAX_BYTES, follow_links=True)
    except FileNotFoundError:
        _refuse(file, "found no such file, expected a YAML file")
    except OSError as error:
        _refuse(file, f"found a file that can't be read ({error.strerror}), expected a YAML file")
    except ValueError as error:
        _refuse(file, f"found an impossible file name ({error}), expected a YAML file")


def _refuse(file: Path, text: str, *, line: int = 0, excerpt: str = "") -> NoReturn:
    raise SourceError(Problem(Place(file, line), "", text, excerpt=excerpt))


def _remedy(said: str, excerpt: str) -> str:
    if "→" in excerpt:
        return "; indent with spaces, not with tabs"
    if "mapping values are not allowed" in said:
        return "; correct the indentation, or quote a value with a colon in it"
    if "cannot start any token" in said:
        return "; quote what begins with this character"
    if "block" in said:
        return "; correct the indentation: keys of one mapping begin in the same column"
    return ""


def _excerpt(data: bytes, *marks: yaml.Mark | None) -> str:
    """Return the line of the first mark within the file and a caret below it; nothing if it may hold a secret."""
    from pytest_curator_bench.config.secrets import names_secret  # which works on what is read here

    lines = data.decode("utf-8", "replace").splitlines()
    mark = next((mark for mark in marks if mark is not None and mark.line < len(lines)), None)
    if mark is None or names_secret(lines[mark.line]):
        return ""
    begin = max(0, mark.column - _EXCERPT_CHARACTERS // 2)
    line = lines[mark.line].replace("\t", "→")[begin : begin + _EXCERPT_CHARACTERS]
    return f"{line}\n{' ' * (mark.column - begin)}^"
