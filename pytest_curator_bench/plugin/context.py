# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark run of one pytest process, controller or worker, and its place in pytest's stash."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.container import to_host_path
from pytest_curator_bench._util.links import in_real_dir
from pytest_curator_bench._util.text import harmless, printable
from pytest_curator_bench.config.viewer import viewer_url
from pytest_curator_bench.entry.services import Services
from pytest_curator_bench.plugin.channel import unpacked
from pytest_curator_bench.session.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_curator_bench.config.model import BenchConfig, Entry
    from pytest_curator_bench.entry.services import Policy
    from pytest_curator_bench.plugin.options import BenchOptions

__all__ = ["RUN", "WORKER_KEY", "BenchRun", "bench_run_of"]

WORKER_KEY = "curator_bench_session"
# Options with which pytest runs nothing; those of plugins that are switched off don't exist.
_SHOWING = ("collectonly", "setuponly", "showfixtures", "show_fixtures_per_test", "bench_dry_run")
RUN = pytest.StashKey["BenchRun"]()


class BenchRun:
    """What pytest's side knows about this run.

    Attributes:
        options: what the command line asked for.
        bench_config: the merged, resolved config.
        services: what the entries of this process share.
        on_measuring: called with an entry's name when its script is about to run in this process, and when it has
            ended.
        on_retry: called with the record of an attempt that is followed by another, in this process.
        on_finish: called when everything that this process started has ended.
        entry_files: the config files that define enabled entries.
        shows_only: whether pytest only shows what it would run (``--collect-only``, ``--setup-only``, a dry run), so
            that there is no session.
    """

    def __init__(self, config: pytest.Config, options: BenchOptions, bench_config: BenchConfig, policy: Policy) -> None:
        self.options = options
        self.bench_config = bench_config
        worker: dict[str, Any] = getattr(config, "workerinput", {})
        self.services = Services(
            bench_config,
            working_dir=config.invocation_params.dir,
            policy=policy,
            process_name=worker.get("workerid", "main"),
        )
        self.shows_only = any(config.getoption(option, False) for option in _SHOWING)
        if worker.get(WORKER_KEY) is not None:
            data = unpacked(worker[WORKER_KEY])
            compat = self.services.bench_config.compat
            self.services.store = SessionStore.from_worker(data, self.services.masker, compat=compat)
        self.on_measuring: Callable[[str, bool], None] = lambda name, is_measured: None
        self.on_retry: Callable[[Mapping[str, Any]], None] = lambda record: None
        self.on_finish: Callable[[pytest.Session], None] = lambda session: None
        self.entry_files = tuple(dict.fromkeys(entry.file for entry in bench_config.entries))
        self._entry_files = {os.path.realpath(file): file for file in self.entry_files}
        self._script_dirs = frozenset(
            os.path.realpath(directory / name)
            for directory in bench_config.file_dirs
            for name in ("scripts", "data_prep")
        )
        self._root_dir = config.rootpath
        self._entries = {entry.name: entry for entry in bench_config.entries}

    @property
    def store(self) -> SessionStore:
        """The session's directory; raises pytest.UsageError before the session is open."""
        if self.services.store is None:
            raise pytest.UsageError("no benchmark session is open: no benchmark entry was selected to run")
        return self.services.store

    @property
    def is_open(self) -> bool:
        """Whether the session has a directory yet."""
        return self.services.store is not None

    def entry(self, name: str) -> Entry | None:
        """Return the enabled entry of this name, if there is one."""
        return self._entries.get(name)

    def is_entry_file(self, path: Path) -> bool:
        """Return whether a path is one of :attr:`entry_files`, by whatever name: links lead to it, too."""
        return os.path.realpath(path) in self._entry_files

    def is_script_dir(self, path: Path) -> bool:
        """Return whether a path is a directory of scripts, which hold no tests, by whatever name."""
        return os.path.realpath(path) in self._script_dirs

    def entries_of(self, path: Path) -> Sequence[Entry]:
        """Return the enabled entries that the file at a path is the first to define, in its order."""
        file = self._entry_files[os.path.realpath(path)]
        return [entry for entry in self.bench_config.entries if entry.file == file]

    def nodeid_of(self, file: Path) -> str:
        """Return the config file's part of node IDs: its path from the rootdir, or the whole one outside of that.

        Pytest would call an outside file by no name at all, so that its entries' IDs would say nothing.
        """
        for path, root in ((file, self._root_dir), (in_real_dir(file), self._root_dir.resolve())):
            if path.is_relative_to(root):
                file = path.relative_to(root)
                break
        return printable(file.as_posix())  # node IDs go into caches, XML files and the channel to workers

    def viewer_url(self) -> str | None:
        """Return where the open session can be looked at; the command line takes precedence over the config."""
        options, bench = self.options, self.bench_config
        url, template = options.viewer_url, options.viewer_url_template
        if not url and not template:
            url, template = bench.viewer_url, bench.viewer_url_template
        return viewer_url(template, self.store.session_dir, bench.mounts) if template else url

    def mask(self, text: str) -> str:
        """Return the text as it may be shown: secrets hidden, control characters escaped."""
        return harmless(self.services.masker.mask(text))

    def display(self, path: Path | str) -> str:
        """Return the path for people, relative to where pytest was called if it lies below that."""
        return self.mask(self.services.display(path))

    def to_host_path(self, path: Path | str) -> Path:
        """Return what the host calls the path: where people look for it, if this is a container; secrets masked."""
        return Path(self.mask(str(to_host_path(Path(path), self.bench_config.mounts))))


def bench_run_of(config: pytest.Config) -> BenchRun:
    """Return the benchmark run; fail the requesting test clearly where there is none."""
    bench_run = config.stash.get(RUN, None)
    if bench_run is None:
        pytest.fail("this run has no benchmark config: give --bench-config", pytrace=False)
    return bench_run
