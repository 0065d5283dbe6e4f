# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What things may be called: names become directories, node IDs and placeholders."""

from __future__ import annotations

import re

from pytest_curator_bench.config.fields.checks import Check, expected, refuse_unquoted, text

RESERVED_ENTRY_NAMES = frozenset(
    {
        *("session.json", "env.json", "packages.txt", "config.yaml", "shards.json", "runs", "data_setup", "superseded"),
        *("sinks", "results.jsonl", "results.csv"),
    }
)
"""What a session's directory holds besides its entries' directories: no entry can be called so."""
# Placeholders that have a meaning of their own.
RESERVED_PATH_NAMES = frozenset({"session_entry_dir", "scratch_dir", "curator_repo_dir", "dataset", "matrix"})
LONGEST_NAME_BYTES = 200
_FORBIDDEN = re.compile(r"[/\\\[\]]|\.\.|::|^\.|^\s|\s$")
_EXPECTED_NAME = (
    "a name of 1 to 200 bytes without / \\ [ ] .. :: and control characters, "
    "no dot at the beginning and no blanks at the ends"
)


def _entry_name(value: object) -> object:
    refuse_unquoted(value, "a name")
    if not isinstance(value, str) or not value or not value.isprintable() or _FORBIDDEN.search(value):
        raise expected(_EXPECTED_NAME)
    if len(value.encode()) > LONGEST_NAME_BYTES:
        raise expected(_EXPECTED_NAME)
    if value in RESERVED_ENTRY_NAMES:
        raise expected("another name", found=f"{value!r}, which session directories use themselves")
    return str(value)


def _path_name(value: object) -> object:
    if not isinstance(value, str) or not _PLACEHOLDER_NAME.fullmatch(value):
        raise expected("a name that can be a placeholder: letters, digits, _ . -, no digit first")
    if value in RESERVED_PATH_NAMES:
        raise expected("another name", found=f"{value!r}, which is a placeholder of its own")
    return str(value)


_PLACEHOLDER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

ENTRY_NAME = Check(_entry_name, {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME_BYTES})
PATH_NAME = Check(_path_name, {"type": "string", "pattern": f"^{_PLACEHOLDER_NAME.pattern}$"})
DATASET_NAME = text("a name without blanks, commas and braces", pattern=re.compile(r"[^\s,{}]+"))
CLASS_PATH = text("package.module:Class", pattern=re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*"))


def is_identifier(name: str) -> bool:
    """Whether ``name`` is made of ASCII letters, digits and ``_``, with no digit first."""
    return _IDENTIFIER.fullmatch(name) is not None
