# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What goes through xdist's channel, from the controller to workers and back, and what the channel can carry of it.

It carries builtins alone, no integer below -2**31, and no text with a lone surrogate, which Python makes of a name that
is not UTF-8. Anything else ends the worker, and entries with it. So data of our own travels as JSON in ASCII, which
carries all of that unchanged, and the rest of a report is converted here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.plain import plain_integer, spell_out
from pytest_curator_bench._util.text import harmless

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["ChannelPlugin", "packed", "unpacked"]

LEAST_INTEGER = -(2**31)


class ChannelPlugin:
    """Converts the reports that workers send.

    Args:
        packed_attributes: attributes of reports that hold data of ours.
    """

    def __init__(self, *packed_attributes: str) -> None:
        self._packed_attributes = packed_attributes

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, config: pytest.Config) -> None:
        """Refuse to start workers to which xdist can't send a path or an argument."""
        for name in (config.invocation_params.dir, config.rootpath, *config.args, *config.invocation_params.args):
            if str(name) != spell_out(str(name)):
                raise pytest.UsageError(
                    f"{harmless(str(name))}: this name is not UTF-8, and pytest-xdist can't pass it to its workers:"
                    " rename it, or run without -n"
                )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_report_to_serializable(
        self, config: pytest.Config
    ) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
        """Make a report of any test or collector carriable; other users of the hook get pytest's own."""
        data = yield
        if data is None or not hasattr(config, "workerinput"):
            return data
        return {
            name: packed(value) if name in self._packed_attributes else _carriable(value)
            for name, value in data.items()
        }

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_report_from_serializable(self, data: dict[str, Any]) -> Generator[None, Any, Any]:
        """Read what :func:`packed` has written."""
        for name in self._packed_attributes:
            if isinstance(data.get(name), str):
                data[name] = unpacked(data[name])
        return (yield)


def packed(data: object) -> str:
    """Return plain data as text that the channel carries."""
    return json.dumps(data, default=str)


def unpacked(text: str) -> Any:
    """Return the data that :func:`packed` was given."""
    return json.loads(text)


def _carriable(value: object) -> object:  # noqa: PLR0911  # one case a type
    if value is None or isinstance(value, bool | bytes):
        return value
    if isinstance(value, str):
        return spell_out(value)
    if isinstance(value, int):
        number = plain_integer(value)
        return str(number) if isinstance(number, int) and number < LEAST_INTEGER else number
    if isinstance(value, float):
        return float(value)
    if isinstance(value, dict):
        return {_carriable(key): _carriable(item) for key, item in value.items()}
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return kind(map(_carriable, value))
    return spell_out(str(value))
