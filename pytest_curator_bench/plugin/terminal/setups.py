# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the terminal shows while data setups run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_curator_bench.session.progress.text import end_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from pytest_curator_bench.config.model import DataSetup
    from pytest_curator_bench.plugin.terminal.live import LiveView
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["SetupLines"]


class SetupLines:
    """Shows data setups in the live view while they run, and a line for each that has ended.

    Args:
        reporter: pytest's terminal reporter.
        live: the live view; without it nothing is shown.
        mask: hides secrets.
        display: returns what people call a path.
    """

    def __init__(
        self,
        reporter: pytest.TerminalReporter | None,
        live: LiveView | None,
        mask: Callable[[str], str],
        display: Callable[[Path | str], str],
    ) -> None:
        self._reporter = reporter
        self._live = live
        self._mask = mask
        self._display = display

    def started(self, setup: DataSetup, log: Path) -> None:
        """A setup is prepared; its log will appear at ``log``."""
        if self._live is not None:
            self._live.started(_key(setup.name), f"data setup {setup.name}", setup.timeout_s, log.parent)
            self._live.release()

    def began(self, setup: DataSetup) -> None:
        """Its script starts."""
        if self._live is not None:
            self._live.began(_key(setup.name))

    def ended(self, result: EntryResult) -> None:
        """A setup has ended."""
        if self._live is not None:
            self._live.hold()
            self._live.ended(_key(result.name))
        # Never raises, as pathlib's would.
        has_log = not result.success and os.path.exists(result.stdouterr_file)  # noqa: PTH110
        log = f"; log: {self._display(result.stdouterr_file)}" if has_log else ""
        self.tell(f"data setup {end_line(result)}{log}")

    def tell(self, text: str) -> None:
        """One line."""
        if self._reporter is not None and self._reporter.verbosity >= 0:
            self._reporter.ensure_newline()
            self._reporter.write_line(self._mask(text))


def _key(name: str) -> str:
    return f"data_setup/{name}"
