# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The plugin's warnings in pytest's summary: their text, and not the plugin's line of code that gave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.plugin.items import BenchWarning

if TYPE_CHECKING:
    import warnings

__all__ = ["WarningLines"]


class WarningLines:
    """Shortens what pytest's terminal reporter shows of a :class:`~pytest_curator_bench.plugin.items.BenchWarning`.

    It must be registered before the first one is given: pytest calls this hook also for earlier warnings.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(trylast=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Replace what the reporter, which was called just before, has noted."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and isinstance(warning_message.message, BenchWarning):
            noted = reporter.stats["warnings"][-1]
            noted.message, noted.fslocation = str(warning_message.message), None
