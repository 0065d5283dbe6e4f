# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""One entry from its config to its result: preflight, lease, directories, cluster, runs, retries, verdict, release.

:func:`run_entry` is all of it in one call. pytest's items drive the same :class:`EntryExecution` in steps, so that
fixtures show where it stands.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.entry.cluster import cluster_provider, named_errors
from pytest_curator_bench.entry.errors import EXPECTED_ERRORS, EntryFailedError
from pytest_curator_bench.entry.outcome import Outcome
from pytest_curator_bench.entry.preflight import preflight
from pytest_curator_bench.entry.resources import (
    acquire_lease,
    lease_warnings,
    leased_status,
    make_room,
)
from pytest_curator_bench.entry.retries import archive_attempt, attempt_record, should_retry
from pytest_curator_bench.entry.runs import EntryRuns, RunInputs
from pytest_curator_bench.entry.states import Listener, State
from pytest_curator_bench.resources.errors import LeaseError
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import SCRATCH_NAME
from pytest_curator_bench.session.status import publish_status
from pytest_curator_bench.telemetry.noise import NOISE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Any

    from pytest_curator_bench.clusters.existing.cluster import ExistingCluster
    from pytest_curator_bench.clusters.local.cluster import LocalCluster
    from pytest_curator_bench.clusters.provider import ClusterProvider
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.entry.plan import EntryPlan
    from pytest_curator_bench.entry.services import Services
    from pytest_curator_bench.resources.registry import Lease
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["EntryExecution", "run_entry"]

_T = TypeVar("_T")


def run_entry(entry: Entry, services: Services) -> EntryResult:
    """Run one entry to its result.

    An entry with a ``skip`` mark, or whose resources the machine does not have, is skipped. Everything that was started
    for it has ended when this returns, and ``results.json`` lies in its directory.

    Args:
        entry: the entry, from the config that ``services`` has.
        services: the services of this process, with an open session.

    Raises:
        KeyboardInterrupt: there was one; the entry has ended and has its result.
    """
    listener = Listener()
    execution = EntryExecution(entry, services, listener=listener)
    try:
        if (reason := _skip_reason(entry) or preflight(entry, services)) is not None:
            execution.outcome.conclude("skipped", "skipped", reason)
        else:
            execution.run()
    except EXPECTED_ERRORS as error:
        execution.outcome.fail(error)
    finally:
        execution.close()
        services.results.append(execution.final_result)
    if listener.was_interrupted:
        raise KeyboardInterrupt
    return execution.final_result


def _skip_reason(entry: Entry) -> str | None:
    for mark in entry.marks:
        if mark.name == "skip":
            return str(mark.kwargs.get("reason") or (mark.args[0] if mark.args else "unconditional skip"))
    return None


class EntryExecution:
    """The way of one entry from its config to its result.

    Attributes:
        entry: the entry.
        outcome: its result, as it comes about.
        state: how far it has come.
        timeout_s: limit of each of its runs, in seconds; ``None`` while somebody debugs.
        cluster: its Ray cluster; ``None`` where it has none, or not yet.
    """

    def __init__(self, entry: Entry, services: Services, *, nodeid: str = "", listener: Listener | None = None) -> None:
        self.entry = entry
        self.outcome = Outcome(entry, services, nodeid)
        self.state = State.PLANNED
        self.timeout_s: float | None = entry.timeout_s
        self.cluster: LocalCluster | ExistingCluster | None = None
        self._services = services
        self._nodeid = nodeid
        self._listener = listener or Listener()
        self._is_stopping = False
        self._is_half_left = False
        self._is_retry_due = False
        self._entered: list[tuple[State, AbstractContextManager[None]]] = []
        self._entry_dir: Path | None = None
        self._scratch_dir: Path | None = None
        self._lease: Lease | None = None
        self._is_cluster_given = False
        self._provider: ClusterProvider | None = None
        self._runs: EntryRuns | None = None
        self._gpu_stats: dict[str, dict[str, object]] | None = None

    @property
    def entry_dir(self) -> Path:
        """The entry's directory; there from ``State.DIRECTORY`` on."""
        return _reached(self._entry_dir)

    @property
    def scratch_dir(self) -> Path:
        """The entry's scratch directory; there from ``State.SCRATCH`` on."""
        return _reached(self._scratch_dir)

    @property
    def lease(self) -> Lease:
        """The entry's lease, the last one where it is released; there from ``State.LEASED`` on."""
        return _reached(self._lease)

    @property
    def result(self) -> EntryResult | None:
        """The entry's result so far; ``None`` before anything is known."""
        return self.outcome.result

    @property
    def final_result(self) -> EntryResult:
        """The entry's result."""
        return _reached(self.result)

    @property
    def is_finished(self) -> bool:
        """Whether the entry has its result, so that nothing of it runs any more."""
        return self.state >= State.JUDGED

    @property
    def runs_left(self) -> int:
        """How many measured runs follow at most."""
        if self.is_finished:
            return 0
        return self.entry.repeat - (len(self._runs.measured) if self._runs is not None else 0)

    @property
    def failed_attempt(self) -> dict[str, Any] | None:
        """The record of an attempt that has failed and is followed by another; ``None`` if none is."""
        if not self._is_retry_due or self.result is None:
            return None
        return attempt_record(self.result, len(self.outcome.attempts) + 1)

    # --- the steps ---

    def enter(self, state: State) -> None:
        """Reach ``state``, through all states before it.

        Raises:
            EntryFailedError, SessionError, ClusterError, LeaseError: it can't be reached. Either the entry is finished
                then, and its result says why, or its next attempt is due.
        """
        if self.is_finished:
            result = self.final_result
            raise EntryFailedError(str(result.error), status=result.status, reason=str(result.reason))
        steps = {
            State.DIRECTORY: self._in_directory,
            State.SCRATCH: self._with_scratch,
            State.LEASED: self._with_lease,
            State.MACHINE_CHECKED: self._on_checked_machine,
            State.CLUSTER_UP: self._with_cluster,
        }
        self._services.executions.add(self)
        with self._interrupts_noted():
            self.begin_attempt()
            try:
                for step in [step for step in steps if self.state < step <= state]:
                    self._enter_step(step, steps[step]())
            except KeyboardInterrupt:
                error = EntryFailedError(
                    "Interrupted from the keyboard before the script began.", status="interrupted", reason="keyboard"
                )
                self._fail_attempt(error)
                raise error from None
            except Exception as error:
                self._fail_attempt(error)
                raise

    def _enter_step(self, step: State, manager: AbstractContextManager[None]) -> None:
        if self._is_stopping:
            raise KeyboardInterrupt
        # The first states take no time, and what they make is claimed or not at all.
        waits = self._services.interrupts.raising() if step >= State.LEASED else contextlib.nullcontext()
        with waits, self._own_errors():
            manager.__enter__()
        self._entered.append((step, manager))
        self._reach(step)

    def leave(self, state: State) -> None:
        """Undo ``state`` and all that was entered after it, in reverse order.

        A failure ends the entry, when the rest is undone: nothing is built on what could not be cleaned up.

        Raises:
            EntryFailedError, SessionError, ClusterError, LeaseError: the first failure; the result says so.
        """
        if self._is_half_left:
            return
        failures = []
        with self._interrupts_noted():
            while self._entered and self._entered[-1][0] >= state:
                _, manager = self._entered.pop()
                try:
                    with self._own_errors():
                        manager.__exit__(None, None, None)
                except Exception as error:
                    self.outcome.fail(error)
                    failures.append(error)
                except BaseException:
                    # The services end the processes first, and release the lease then.
                    self._is_half_left = True
                    raise
        if not self.is_finished:
            self.state = self._entered[-1][0] if self._entered else State.PLANNED
        if failures or (self._is_stopping and self._is_retry_due):
            self.finish()
        if failures:
            raise failures[0]

    def use_cluster(self, cluster: LocalCluster | ExistingCluster | None) -> None:
        """Run on this cluster, which the caller starts and stops, instead of on the entry's own."""
        self.cluster = cluster
        self._is_cluster_given = True

    def advance(self, *, one_run: bool = False) -> bool:
        """Run what is due; return whether the entry is finished.

        Args:
            one_run: stop after the next measured run, so that other entries get their turn.

        Raises:
            EntryFailedError, SessionError, ClusterError, LeaseError: as :meth:`enter`, or a run's directory can't be
                made.
        """
        if self.is_finished:
            return True
        with self._interrupts_noted():
            return self._advance(one_run=one_run)

    def _advance(self, *, one_run: bool) -> bool:
        self.enter(State.CLUSTER_UP)
        self._reach(State.RUNNING)
        if self._runs is None:
            self._runs = self.outcome.runs = EntryRuns(self.entry, self._services, self._nodeid)
        try:
            with self._own_errors():
                result = self._runs.run_next(self._inputs(), one=one_run)
        except Exception as error:
            self._fail_attempt(error)
            raise
        self._reach(State.CLUSTER_UP)
        if result is None:
            return False
        self._judge(result, self._runs)
        # An entry without a cluster is released at once: its final write is soon enough on the disk.
        self.outcome.write(durable=self.entry.ray is not None)
        self._end_attempt()
        return self.is_finished

    def _inputs(self) -> RunInputs:
        return RunInputs(
            entry_dir=self.entry_dir,
            scratch_dir=self.scratch_dir,
            lease=self.lease,
            cluster=self.cluster,
            provider=None if self._is_cluster_given else self._provider,
            timeout_s=self.timeout_s,
        )

    @property
    def runs_as_job(self) -> bool:
        """Whether the script runs on another machine."""
        return self.entry.ray is not None and self.entry.ray.job is not None

    def plan_by_hand(self, directory: Path) -> EntryPlan:
        """Plan one run that is none of the entry's, with its files in ``directory``, on the entry's lease and cluster.

        The entry must have its cluster (``State.CLUSTER_UP``) and not have left it.
        """
        scratch_dir = directory / SCRATCH_NAME
        scratch_dir.mkdir(exist_ok=True)
        return EntryRuns(self.entry, self._services, self._nodeid).plan(directory, scratch_dir, self._inputs())

    def run(self) -> EntryResult:
        """Run to the end and return the result; an error that is expected becomes the result."""
        while not self.is_finished:
            with contextlib.suppress(*EXPECTED_ERRORS):  # the result says so, or the next attempt is due
                self.advance()
        return self.final_result

    def end(self, error: BaseException) -> None:
        """Finish the entry because of an error outside of it; its next attempt begins instead, if one is due."""
        if self.outcome.fail(error) and not self.is_finished:
            self._end_attempt()

    def finish(self) -> None:
        """Take the result as it is: nothing of the entry runs any more."""
        self._is_retry_due = False
        if not self.is_finished:
            self._reach(State.JUDGED)

    def close(self, *, processes_have_ended: bool = False) -> None:
        """End what was started for the entry and write its result finally; again it does nothing.

        Args:
            processes_have_ended: go on where an interrupt has left the entry's cluster half stopped.
        """
        if self._is_half_left and not processes_have_ended:
            return
        self._is_half_left = False
        with self._interrupts_noted():
            with contextlib.suppress(Exception):  # the result says so
                self.leave(State.DIRECTORY)
            self._services.executions.discard(self)
            if not self.outcome.is_written:
                self.outcome.write(durable=True)
            self._services.session.entries.drop_reserve(self.entry.name)
            self._reach(State.CLOSED)

    def cut_short(self) -> None:
        """Give the entry a result, if it has none, of what has ended of it: its process ends."""
        if self.result is not None:
            return
        reason, error = "no-result", "The run ended before the entry did: run it again."
        if self._runs is not None and self._runs.has_begun:
            self._judge(self._runs.cut_short(self.entry_dir, reason, error), self._runs)
        else:
            self.outcome.conclude("interrupted", reason, error)

    # --- its result ---

    def excuse(self, why: str) -> None:
        """Record that the entry was expected to fail, as a mark says, and finish it."""
        self.outcome.excuse(why)
        self.finish()

    def warn(self, text: str | None) -> None:
        """Add a warning to the result and report it at once; ``None`` is ignored."""
        if text is None:
            return
        self.outcome.note(text)
        self._listener.warned(text)

    def _judge(self, result: EntryResult, runs: EntryRuns) -> None:
        self.outcome.judge(result, runs.measured, self.lease, self._gpu_stats)

    # --- interrupts ---

    def _interrupts_noted(self) -> AbstractContextManager[None]:
        return self._services.interrupts.noting(self._on_interrupt)

    def _on_interrupt(self) -> None:
        self._is_stopping = True
        self._listener.interrupted()

    # --- attempts ---

    def _fail_attempt(self, error: BaseException) -> None:
        self.outcome.fail(error)
        self._end_attempt()

    def _end_attempt(self) -> None:
        """Have the next attempt begin, or finish the entry."""
        self._is_retry_due = (
            self.result is not None
            and not self._listener.is_stopping()
            and should_retry(self.entry, self.result, len(self.outcome.attempts))
        )
        if not self._is_retry_due:
            self._reach(State.JUDGED)

    def begin_attempt(self) -> None:
        """Archive the attempt that has failed and begin anew, if another one is due."""
        if not self._is_retry_due:
            return
        self._is_retry_due = False
        with self._interrupts_noted():
            self.leave(State.SCRATCH)
            number = len(self.outcome.attempts) + 1
            result = self.final_result
            try:
                result = archive_attempt(self._services.session, self._services.masker, result, number)
            except SessionError as error:
                self._listener.warned(f"the files of attempt {number} stay together, in superseded/: {error}")
                self.leave(State.DIRECTORY)
            self.outcome.begin_attempt(result)
            self._runs = None
            if not self._services.session.entries.is_begun(self.entry.name):
                self.leave(State.DIRECTORY)  # the script removed it, or another run of the session took it over

    # --- what is entered and left ---

    @contextlib.contextmanager
    def _in_directory(self) -> Iterator[None]:
        self._entry_dir = self._services.session.entries.prepare(
            self.entry.name, nodeid=self._nodeid, timeout_s=self.entry.timeout_s
        )
        yield

    @contextlib.contextmanager
    def _with_scratch(self) -> Iterator[None]:
        store = self._services.session
        self._scratch_dir = store.scratch.prepare(self.entry.name)
        yield
        if self.entry.delete_scratch or store.scratch.is_empty(self.entry.name):
            self.warn(store.scratch.remove(self.entry.name))

    @contextlib.contextmanager
    def _with_lease(self) -> Iterator[None]:
        """Hold what the entry leases; waiting for it is not counted against its limit."""
        self._lease = lease = acquire_lease(self._services, self.entry, self.entry_dir)
        self.outcome.note(*lease_warnings(self.entry, lease))
        yield
        try:
            lease.release()
        except LeaseError as error:
            self.warn(str(error))
        self.outcome.add_lease(lease)
        try:
            make_room(self._services)
        except (ClusterError, LeaseError) as error:  # of another entry's cluster
            self.warn(str(error))

    @contextlib.contextmanager
    def _on_checked_machine(self) -> Iterator[None]:
        """Look for noise before the entry's cluster starts, and for GPU memory in use before and after it."""
        monitor, policy = self._services.monitor, self._services.policy
        if policy.wait_quiet_s:
            with publish_status(self.entry_dir) as report:
                status = leased_status("waiting for a quiet machine", self.lease)
                noise = monitor.await_quiet(
                    self.lease, policy.wait_quiet_s, lambda noise: report(replace(status, detail=noise))
                )
        else:
            noise = monitor.disturbances(self.lease, must_be_quiet=policy.require_quiet)
        if noise and policy.require_quiet:
            raise EntryFailedError("\n".join((f"The machine is not quiet: {noise[0]}", *noise[1:])), reason="noisy")
        if self._services.bench_config.compat is not None:
            self._gpu_stats = monitor.gpu_stats()
        self.outcome.note(
            *(f"{NOISE}{text}" for text in noise),
            *monitor.gpu_memory_warnings(self.entry, self.lease, "before the entry"),
        )
        yield
        for warning in monitor.gpu_memory_warnings(self.entry, self.lease, "after the entry"):
            self.warn(warning)

    @contextlib.contextmanager
    def _with_cluster(self) -> Iterator[None]:
        """Have the entry's Ray cluster up; its start and stop have limits of their own."""
        if self._is_cluster_given:
            yield
            self.cluster, self._is_cluster_given = None, False
            return
        provider = cluster_provider(self._services, self.entry, self.entry_dir, self.lease)
        if provider is None or self.entry.ray is None:
            yield
            return
        with publish_status(self.entry_dir) as report:
            doing = "probing Ray" if self.entry.ray.names_running_cluster else "starting Ray"
            report(leased_status(doing, self.lease))
            with named_errors(self.entry, self._services.display):
                self.cluster = provider.acquire()
        self._provider = provider
        yield
        self.cluster, self._is_cluster_given, self._provider = None, False, None
        passed = self.result is None or self.result.success  # None: more of its runs follow
        with publish_status(self.entry_dir) as report:
            report(leased_status("stopping Ray", self.lease))
            for warning in provider.release(passed=passed):
                self.warn(warning)

    @contextlib.contextmanager
    def _own_errors(self) -> Iterator[None]:
        """Make an error of the system within a step the entry's: a script can do anything to its directories."""
        try:
            yield
        except OSError as error:
            directory = self._entry_dir or self._services.session.session_dir
            raise SessionError.unusable(directory, error) from error

    def _reach(self, state: State) -> None:
        self.state = state
        self._listener.entered(state)


def _reached(value: _T | None) -> _T:
    if value is None:
        raise RuntimeError("the entry has not come so far")
    return value
