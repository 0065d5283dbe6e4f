# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs data setups: in the controller, before any entry, so that they disturb no measurement.

Each runs once a session. Other runs of the same session wait at its lock and take over a result that passed;
the kernel opens the lock of a process that dies. Entries, in whichever process, read the results from the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_curator_bench._util.interpreter import script_command
from pytest_curator_bench._util.locks import LockedError, lock
from pytest_curator_bench.config.model import find_script
from pytest_curator_bench.entry.environment import script_environment
from pytest_curator_bench.entry.plan import EntryPlan
from pytest_curator_bench.entry.preflight import needed_setups, required_setups
from pytest_curator_bench.entry.resources import leased_status, waiting_status
from pytest_curator_bench.entry.script_process import run_script
from pytest_curator_bench.processes.client import SupervisionError
from pytest_curator_bench.resources.allocation import ResourceRequest
from pytest_curator_bench.resources.errors import LeaseError
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import LOG_NAME
from pytest_curator_bench.session.status import publish_status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_curator_bench.config.model import DataSetup, Entry, ResolvedCommand
    from pytest_curator_bench.entry.services import Services
    from pytest_curator_bench.resources.registry import Lease

__all__ = ["SetupView", "run_data_setups", "setup_command"]

# The supervisor of a pytest that was killed ends its scripts within four seconds.
ORPHANS_LIMIT_S = 10.0
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


class SetupView(Protocol):
    """Shows people what is going on."""

    def started(self, setup: DataSetup, log: Path) -> None:
        """A setup is prepared; its log will appear at ``log``."""

    def began(self, setup: DataSetup) -> None:
        """It holds its lease, and its script starts."""

    def ended(self, result: EntryResult) -> None:
        """It has ended."""

    def tell(self, text: str) -> None:
        """One line."""


def run_data_setups(services: Services, entries: Iterable[Entry], view: SetupView) -> None:
    """Run each data setup that a selected entry needs, unless it already passed in this session.

    A data setup is left out if all its dependents can't run anyway, because another one of theirs failed.

    Raises:
        KeyboardInterrupt: there was one; what ran has ended and has its result.
    """
    failed: dict[str, None] = {}
    skip_setup = services.policy.skip_setup
    needed = needed_setups(services.bench_config, entries, services.capacity, skip_setup=skip_setup)
    for setup, dependents in needed:
        if all(failed.keys() & set(required_setups(entry, skip_setup=skip_setup)) for entry in dependents):
            view.tell(f"data setup {setup.name}: not run, because nothing could use it ({', '.join(failed)} failed)")
            continue
        result = _DataSetupRun(services, setup, view).ensure()
        if not result.success:
            failed[setup.name] = None
        if result.status == "interrupted" or services.interrupts.is_noted:
            raise KeyboardInterrupt


def setup_command(resolved: ResolvedCommand) -> list[str]:
    """The setup's argument list: what the config says and nothing else, because it hands in no files."""
    return [*script_command(find_script(resolved)), *resolved.args]


class _DataSetupRun:
    """One data setup, in one session."""

    def __init__(self, services: Services, setup: DataSetup, view: SetupView) -> None:
        self._services = services
        self._setup = setup
        self._view = view
        self._store = services.session.data_setups()
        self._dir = self._store.entries.path(setup.name)
        self._resolved = services.bench_config.command_values(
            setup, session_entry_dir=self._dir, scratch_dir=self._store.scratch.path(setup.name)
        )

    def ensure(self) -> EntryResult:
        """Its result: that of an earlier run of the session if it passed, else that of running it now."""
        try:
            with self._locked():
                earlier = self._earlier()
                if earlier is not None:
                    self._view.tell(f"data setup {self._setup.name}: passed before in this session")
                    return earlier
                with self._services.interrupts.noting():
                    result = self._run()
                    self._store.entries.write_result(result)
                    self._remove_scratch()
        except (SessionError, SupervisionError, LeaseError) as error:
            result = self._blank_result(str(error))
            with contextlib.suppress(SessionError):  # dependents read it; if it can't be written, they say so
                self._store.entries.write_result(result)
        self._view.ended(result)
        return result

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        directory = self._store.session_dir
        try:
            directory.mkdir(exist_ok=True)
            descriptor = os.open(directory / f".{self._setup.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise SessionError.unwritable(directory, "results_dir", error) from error
        try:
            self._lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            try:
                lock(descriptor, timeout_s=0)
            except LockedError:
                self._view.tell(f"data setup {self._setup.name}: waiting, another run of this session runs it")
                lock(descriptor)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise SessionError.unwritable(self._store.session_dir, "results_dir", error) from error
            self._view.tell(f"data setup {self._setup.name}: this file system has no locks; run one pytest at a time")

    def _earlier(self) -> EntryResult | None:
        try:
            result = read_result(self._dir)
        except (OSError, ValueError):
            return None
        same = list(result.command) == self._services.masker.mask_data(list(self._plan().command))
        return result if result.success and same else None

    def _run(self) -> EntryResult:
        _wait_for_orphans(self._dir / LOG_NAME)
        self._store.entries.prepare(self._setup.name, timeout_s=self._setup.timeout_s)
        self._store.scratch.prepare(self._setup.name)
        self._view.started(self._setup, self._dir / LOG_NAME)
        with self._whole_machine() as lease, publish_status(self._dir) as report:
            report(leased_status("running", lease, run=""))
            self._view.began(self._setup)
            return run_script(self._plan(), self._services.supervisor, self._services.interrupts)

    @contextlib.contextmanager
    def _whole_machine(self) -> Iterator[Lease]:
        """Disturb no entry of another run: one that measures holds a lease."""
        name = f"data setup {self._setup.name}"
        whole = ResourceRequest(cpus=None, gpus=None, alone=True)
        with self._services.interrupts.raising(), publish_status(self._dir) as report:
            lease = self._services.leases.acquire(whole, name, lambda blockage: report(waiting_status(blockage)))
        try:
            yield lease
        finally:
            lease.release()

    def _plan(self) -> EntryPlan:
        setup, bench_config = self._setup, self._services.bench_config
        return EntryPlan(
            name=setup.name,
            session_name=self._services.session.session_name,
            entry_dir=self._dir,
            command=setup_command(self._resolved),
            environment=script_environment(self._resolved.env, None, hidden=bench_config.secret_variables),
            working_dir=self._services.working_dir,
            timeout_s=setup.timeout_s,
            configured_timeout_s=setup.timeout_s,
            grace_s=bench_config.grace_s,
            hands_in_files=False,
            mask=self._services.masker.mask_data,
        )

    def _blank_result(self, error: str) -> EntryResult:
        return EntryResult(
            name=self._setup.name,
            session_name=self._services.session.session_name,
            status="error",
            reason="session",
            error=error,
            timeout_s=self._setup.timeout_s,
            nodeid="",
            entry_dir=str(self._dir),
            stdouterr_file=str(self._dir / LOG_NAME),
        )

    def _remove_scratch(self) -> None:
        if self._services.bench_config.delete_scratch or self._store.scratch.is_empty(self._setup.name):
            warning = self._store.scratch.remove(self._setup.name)
            if warning:
                self._view.tell(f"data setup {self._setup.name}: {warning}")


def _wait_for_orphans(log: Path) -> None:
    """Let the script of a run that was killed end before the same script begins again."""
    deadline = time.monotonic() + ORPHANS_LIMIT_S
    while _writes_to(log) and time.monotonic() < deadline:
        time.sleep(0.1)


def _writes_to(log: Path) -> bool:
    if not log.exists():
        return False
    for descriptor in Path("/proc").glob("[0-9]*/fd/1"):
        with contextlib.suppress(OSError):
            if descriptor.readlink() == log:
                return True
    return False
