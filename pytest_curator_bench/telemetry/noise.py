# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is said of entries that ran on a noisy machine: a warning in each result, and one line for all of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["NOISE", "noise_line"]

NOISE = "noise: "
"""How warnings about noise begin."""


def noise_line(results: Sequence[EntryResult]) -> str | None:
    """Return one line for all entries that ran on a noisy machine; ``None`` if none did.

    Of sentences that differ only in numbers and processes, the latest is given: its processes may still be there.
    """
    noisy = {result.name: sentences for result in results if (sentences := [*_sentences(result.warnings)])}
    if not noisy:
        return None
    latest = {re.sub(r"[\d.,]+", "", text.partition(": ")[0]): text for texts in noisy.values() for text in texts}
    of_all = f"{len(noisy)} of {counted(len(results), 'entry', 'entries')}"
    return f"{NOISE}{of_all} ran on a noisy machine ({listed(list(noisy))}): {' '.join(latest.values())}"


def _sentences(warnings: Iterable[str]) -> Iterable[str]:
    return (text.removeprefix(NOISE) for text in warnings if text.startswith(NOISE))
