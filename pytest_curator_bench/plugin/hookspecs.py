# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Hooks that this plugin calls, for a project's conftest.py and for other plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest

    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.sinks import Sink


def pytest_bench_prepare(config: pytest.Config, entries: Sequence[Entry]) -> None:
    """Make what the selected entries need, before scripts and datasets are checked and data setups run.

    Called once a run, in the controller, when it is known which entries will run; not for ``--collect-only``
    and ``--bench-dry-run``.

    Args:
        config: pytest's config.
        entries: the selected entries, in running order.
    """


def pytest_bench_sinks(config: pytest.Config) -> Mapping[str, type[Sink]] | None:
    """Name the classes of sinks that a config may use by these names.

    Called once a run, in the controller, before the config's sinks are checked; ``conftest.py`` files are asked if
    pytest has loaded them by then, as those of the rootdir and of the directories given as arguments are. Where two
    give the same name, the one that is asked first counts, and both go before built-in sinks.

    Args:
        config: pytest's config.

    Returns:
        subclasses of :class:`pytest_curator_bench.sinks.Sink` by name.
    """
