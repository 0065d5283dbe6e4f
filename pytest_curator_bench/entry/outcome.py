# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The result of an entry while it comes about: its verdict, later errors, warnings, earlier attempts, its file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.entry.errors import explain
from pytest_curator_bench.entry.resources import with_lease
from pytest_curator_bench.entry.retries import attempt_record, with_attempts
from pytest_curator_bench.results.meanings import rules_for
from pytest_curator_bench.results.record import HARMLESS, EntryResult, Status
from pytest_curator_bench.results.requirements import judge, with_verdicts
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import LOG_NAME
from pytest_curator_bench.session.nemo_curator_files import GPU_STATS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.entry.runs import EntryRuns
    from pytest_curator_bench.entry.services import Services
    from pytest_curator_bench.resources.registry import Lease
    from pytest_curator_bench.session.store import SessionStore

__all__ = ["Outcome", "blank_result"]


class Outcome:
    """The result of an entry, from the first that is known of it to the last.

    Attributes:
        result: the result so far; ``None`` before anything is known.
        attempts: records of failed attempts.
        runs: the runs of this attempt; ``None`` before the first one.
    """

    def __init__(self, entry: Entry, services: Services, nodeid: str) -> None:
        self.result: EntryResult | None = None
        self.attempts: list[dict[str, Any]] = []
        self.runs: EntryRuns | None = None
        self._entry = entry
        self._services = services
        self._nodeid = nodeid
        self._warnings: list[str] = []
        self._recorded: list[BaseException] = []
        self._written: EntryResult | None = None

    @property
    def is_written(self) -> bool:
        """Whether the result lies in the entry's directory as it is."""
        return self.result is self._written

    def conclude(self, status: Status, reason: str, error: str | None) -> None:
        """Give the entry this outcome; what was measured is kept."""
        store = self._services.session
        if self.result is not None:
            result = self.result
        elif self.runs is not None and self.runs.has_begun:  # in an earlier turn
            result = self._described(self.runs.cut_short(store.entries.path(self._entry.name), reason, error or ""))
        else:
            result = blank_result(self._entry, store, self._nodeid, status, reason, error)
        self._take(result.with_outcome(status, reason, error))

    def excuse(self, why: str) -> None:
        """Record that the entry was expected to fail, as a mark says; what went wrong is kept."""
        result = self.result
        reason, error = (result.reason, result.error) if result is not None else (None, None)
        self.conclude("xfailed", reason or "xfail", error or why)
        self.note(f"expected to fail: {why}" if why else "expected to fail")

    def fail(self, error: BaseException) -> bool:
        """Record ``error``: it is the entry's outcome, or a further detail of an outcome that is bad already.

        Returns:
            Whether it had not been recorded before.
        """
        if isinstance(error, BaseExceptionGroup):
            are_new = [self.fail(one) for one in error.exceptions]
            return any(are_new)
        if any(error is known for known in self._recorded):
            return False
        self._recorded.append(error)
        status, reason, text = explain(error)
        if self.result is None or self.result.status in HARMLESS:
            self.conclude(status, reason, text)
        else:
            details = f"{self.result.error or ''}\n{text}".strip()
            self._take(self.result.with_outcome(self.result.status, self.result.reason, details))
        return True

    def note(self, *texts: str) -> None:
        """Add warnings to the result, or to the one to come."""
        self._warnings += [text for text in texts if text not in self._warnings]
        if self.result is not None:
            self._take(self.result)

    def judge(
        self,
        result: EntryResult,
        measured: Sequence[EntryResult],
        lease: Lease,
        gpu_stats: Mapping[str, Mapping[str, object]] | None,
    ) -> None:
        """Judge what the runs have come to.

        Args:
            result: the result of all runs.
            measured: the results of those that were measured.
            lease: the lease that they had.
            gpu_stats: the GPUs before the entry, for NeMo Curator's own readers of results.
        """
        policy = self._services.policy
        result = self._described(with_lease(result, lease))
        if gpu_stats is not None:
            result = replace(result, resources={**result.resources, GPU_STATS: gpu_stats})
        if result.success:
            result = with_verdicts(
                result,
                judge(self._entry.requirements, measured),
                strict=policy.strict_known_misses,
                known_misses_count=policy.known_misses_count,
            )
        self._take(result)

    def add_lease(self, lease: Lease) -> None:
        """Record a lease that was released, if there is a result."""
        if self.result is not None:
            self._take(with_lease(self.result, lease))

    def begin_attempt(self, failed: EntryResult) -> None:
        """Begin with another attempt, after one whose result is ``failed``."""
        self.attempts.append(attempt_record(failed, len(self.attempts) + 1))
        self.result = self._written = self.runs = None

    def write(self, *, durable: bool) -> None:
        """Write the result, if there is one.

        An entry whose result can't be written is an error, also if that is written then.
        """
        entries = self._services.session.entries
        if self.result is None:
            return
        try:
            entries.write_result(self.result, durable=durable)
        except SessionError as error:
            text = f"Its result could not be written: {error}"
            if self.result.status in HARMLESS:
                self.conclude("error", "session", text)
            elif text != self.result.error:
                self.note(text)
            try:
                entries.write_result(self.result, force=True)
            except SessionError:
                return  # the controller tries once more at the end of the session
        self._written = self.result

    def _described(self, result: EntryResult) -> EntryResult:
        """Return the result of runs with what readers need to know of it."""
        rules = rules_for(result, self._services.bench_config.metric_rules)
        return replace(result, metric_rules=rules, owner=self._entry.owner, interpreter=_interpreter_of(self._entry))

    def _take(self, result: EntryResult) -> None:
        self.result = with_attempts(result.with_warnings(*self._warnings), self.attempts)
        self._warnings.clear()


def blank_result(
    entry: Entry, store: SessionStore, nodeid: str, status: Status, reason: str, error: str | None
) -> EntryResult:
    """Return a result for an entry whose script never ran, or was lost."""
    entry_dir = store.entries.path(entry.name)
    return EntryResult(
        name=entry.name,
        session_name=store.session_name,
        status=status,
        reason=reason,
        nodeid=nodeid,
        entry_dir=str(entry_dir),
        stdouterr_file=str(entry_dir / LOG_NAME),
        timeout_s=entry.timeout_s,
        error=error,
        marks=[mark.name for mark in entry.marks],
        sink_data=dict(entry.sink_data),
        owner=entry.owner,
        interpreter=_interpreter_of(entry),
    )


def _interpreter_of(entry: Entry) -> dict[str, Any] | None:
    return None if entry.interpreter is None else entry.interpreter.record(entry.base_name)
