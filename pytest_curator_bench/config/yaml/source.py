# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Safe and fast reading of one YAML file.

Nothing in a file can name a Python object: only mappings, lists, text, numbers, booleans and null exist.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, NoReturn

import yaml

from pytest_curator_bench.config.problems import Place, Problem
from pytest_curator_bench.config.yaml.builder import TOO_DEEP, Builder, SourceError
from pytest_curator_bench.config.yaml.values import YamlList, YamlMapping

if TYPE_CHECKING:
    from pathlib import Path

_EXPECTED = "expected a mapping with results_dir and entries"


def read_yaml(file: Path) -> YamlMapping:
    """Read the one mapping that a file holds.

    Raises:
        SourceError: if the file can't be read, isn't UTF-8 or YAML, holds no or several documents, something
            other than a mapping, a tag, a duplicate key, more than 100 levels, or more than aliases may add.
    """
    text = _read_text(file)
    builder = Builder(file)
    try:
        builder.read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # libyaml looks ahead before it gives the first level out, and from 0.2.6 on has a limit of its own.
        if "nesting depth" in (error.problem or ""):
            _refuse(file, TOO_DEEP, line=mark.line + 1 if mark else 0)
        said = ", ".join(part for part in (error.context, error.problem) if part)
        _refuse(file, f"not valid YAML: {said}", line=mark.line + 1 if mark else 0)
    except yaml.YAMLError as error:
        _refuse(file, f"not valid YAML: {error}")
    if builder.problems:
        raise SourceError(*builder.problems)
    root = builder.root
    if root is None:
        _refuse(file, f"found nothing in the file, {_EXPECTED}")
    if not isinstance(root, YamlMapping):
        found = "a list" if isinstance(root, YamlList) else "a single value"
        _refuse(file, f"found {found}, {_EXPECTED}", line=builder.root_line)
    return root


def _read_text(file: Path) -> str:
    data = _read_bytes(file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _refuse(file, f"found the byte 0x{data[error.start]:02x}, expected text in UTF-8", line=line)
    # libyaml refuses these too, but says neither where nor which.
    control = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        _refuse(file, f"found the character U+{ord(control[0]):04X}, expected text that can be printed", line=line)
    return text


def _read_bytes(file: Path) -> bytes:
    try:
        mode = file.stat().st_mode
        if stat.S_ISDIR(mode):
            _refuse(file, "found a directory, expected a YAML file")
        if not stat.S_ISREG(mode):
            _refuse(file, "found something that is no regular file, expected a YAML file")
        return file.read_bytes()
    except FileNotFoundError:
        _refuse(file, "found no such file, expected a YAML file")
    except OSError as error:
        _refuse(file, f"found a file that can't be read ({error.strerror}), expected a YAML file")
    except ValueError as error:
        _refuse(file, f"found an impossible file name ({error}), expected a YAML file")


def _refuse(file: Path, text: str, *, line: int = 0) -> NoReturn:
    raise SourceError(Problem(Place(file, line), "", text))
