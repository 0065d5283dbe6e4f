# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The result of an entry as sinks are given it: with how it compares with earlier ones, which no file holds."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from pytest_curator_bench.results.json_files import ResultDict

__all__ = ["ChangeDict", "ComparisonDict", "SinkResultDict"]


class ChangeDict(TypedDict):
    """How a metric of a result compares (values of ``changes``)."""

    verdict: Annotated[
        str,
        "`worse`, `better`, `differs` (of what should be exact) or `usual`; `worse?` and `better?` where it lies "
        "outside of what is usual, but too near to be sure.",
    ]
    unit: Annotated[str | None, "Unit of the values."]
    usual: Annotated[float, "Median of the sessions that it is compared with."]
    now: Annotated[float, "Its value."]
    change: Annotated[float | None, "Relative change, such as 0.12; null where the usual value is 0."]
    noise: Annotated[
        float | None, "Half the width of the band that 95 % of sessions lie in, as a fraction; null where unknown."
    ]
    sessions: Annotated[int, "Number of sessions that the noise is known from."]


class ComparisonDict(TypedDict):
    """How a result compares with earlier ones (``comparison``)."""

    against: Annotated[str, "`baseline`, or the selector of the sessions."]
    verdict: Annotated[
        str,
        "The gravest of its metrics' verdicts; or `broken`, `fixed`, `not comparable`, `not run`.",
    ]
    failing: Annotated[int, "How many results in a row did not pass, this one included."]
    changes: Annotated[dict[str, ChangeDict], "Its judged metrics by name, the gravest first."]
    differences: Annotated[list[str], "Why it can't be compared."]


class SinkResultDict(ResultDict):
    """The result of an entry, as sinks are given it: with how it compares, which no file holds."""

    comparison: NotRequired[Annotated[ComparisonDict, "How it compares; missing where there is no earlier result."]]
