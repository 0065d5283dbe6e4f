# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in a report, xdist's channel carries it."""

from __future__ import annotations

import datetime as dt
import enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import execnet
import pytest
from _pytest.reports import TestReport

from pytest_curator_bench.plugin.channel import ChannelPlugin


class Level(enum.IntEnum):
    """An enum that is an integer, too."""

    HIGH = 3


ODD: list[tuple[Any, Any]] = [
    *((-(2**31) - 1, "-2147483649"), (-(2**31), -(2**31)), (2**63, 2**63), (1 << 20_000, "an integer of 20001 bits")),
    *(("\udcff", "\\udcff"), ("\u00e9\x00", "\u00e9\x00"), (b"\xff", b"\xff"), (None, None), (True, True)),
    *((Path("/a/\udcff"), "/a/\\udcff"), (Level.HIGH, 3), (dt.date(2026, 1, 2), "2026-01-02")),
    *(((1, ["\ud800"]), (1, ["\\ud800"])), ({"\udcff": {2j}}, {"\\udcff": {"2j"}}), (frozenset("x"), frozenset("x"))),
]


def through(data: dict[str, Any], *, worker: bool = True) -> dict[str, Any] | None:
    """What the plugin's hook makes of a report's data."""
    config = SimpleNamespace(workerinput={}) if worker else SimpleNamespace()
    hook = ChannelPlugin("ours").pytest_report_to_serializable(cast("pytest.Config", config))
    next(hook)
    try:
        hook.send(data)
    except StopIteration as stop:
        return cast("dict[str, Any] | None", stop.value)
    raise AssertionError


@pytest.mark.parametrize(("value", "carried"), ODD, ids=range(len(ODD)))
def test_any_value_in_a_report_is_carried(value: object, carried: object) -> None:
    """As it is, or as text where the channel has nothing for it."""
    data = through({"longrepr": value, "sections": [("out", value)], "user_properties": [(value, value)]})
    assert data is not None
    assert data["longrepr"] == carried
    assert execnet.loads(execnet.dumps(data)) == data


def test_our_own_data_is_carried_unchanged() -> None:
    """Integers of any size and text of any kind arrive as they were sent."""
    result = {"metrics": {"a": -(10**400), "b": "\udcff\x00", "c": [None, -0.0, 1e308]}}
    data = through({"ours": result, "longrepr": None})
    data = execnet.loads(execnet.dumps(data))
    hook = ChannelPlugin("ours").pytest_report_from_serializable(data)
    next(hook)
    assert data["ours"] == result


def test_only_workers_convert() -> None:
    """A plugin that writes reports to a file gets them as pytest made them."""
    data = {"ours": {"a": 1}, "longrepr": Path("x")}
    assert through(data, worker=False) is data
    report = TestReport("f::e", ("f", 1, "e"), {}, "passed", None, "call")
    assert through(report._to_json()) is not None
