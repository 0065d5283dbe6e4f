# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The merged configuration of a session, as values that can be compared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import read_json_object, read_regular
from pytest_curator_bench.session.names import CONFIG_NAME, SESSION_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["read_config", "read_config_digest"]

_SHORT_DIGEST = 12


def read_config(session_dir: Path) -> dict[str, str]:
    """Return the values of a session's merged configuration by path, such as ``entries[minhash].timeout_s``.

    Nothing where the file can't be read.
    """
    from pytest_curator_bench.config.yaml.nodes import to_plain  # slow to import
    from pytest_curator_bench.config.yaml.reader import SourceError, parse_yaml

    file = session_dir / CONFIG_NAME
    try:
        return dict(_values(to_plain(parse_yaml(read_regular(file), file)[0]), ""))
    except (OSError, ValueError, LookupError, RecursionError, SourceError):
        return {}


def read_config_digest(session_dir: Path) -> str | None:
    """Return the digest of what was configured, with the secrets that its file hides; ``None`` where it is unknown."""
    digest = read_json_object(session_dir / SESSION_NAME).get("config_digest")
    return digest[:_SHORT_DIGEST] if isinstance(digest, str) else None


def _values(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _values(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value):
            name = item.get("name", number) if isinstance(item, dict) else number
            yield from _values(item, f"{path}[{name}]")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
