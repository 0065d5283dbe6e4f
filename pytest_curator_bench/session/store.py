# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A session's directory, as one pytest run uses it."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import write_bytes, write_json
from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench.results.format import with_format
from pytest_curator_bench.session.directories import SessionPlace, claim_session, remove_empty
from pytest_curator_bench.session.entry_dirs import EntryDirs
from pytest_curator_bench.session.entry_files import (
    interrupted_result,
    read_claim,
    read_result,
    read_results,
    walk_entries,
)
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import (
    DATA_SETUP_NAME,
    DATASETS_NAME,
    DEFAULT_PREFIX,
    RUNS_NAME,
    SESSION_NAME,
)
from pytest_curator_bench.session.process_identity import ProcessIdentity
from pytest_curator_bench.session.recovery import recover_session
from pytest_curator_bench.session.runs import (
    RunFacts,
    RunRecord,
    new_run_id,
    read_runs,
    run_file,
    status_of_exit,
    utc_now,
    write_run,
    write_summary,
)
from pytest_curator_bench.session.scratch import ScratchDirs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["RunFacts", "SessionError", "SessionStore"]


class SessionStore:
    """The directories of one session, for one run of it.

    The controller makes it with :meth:`create` and is the only one to write the session's own files; xdist
    workers make theirs with :meth:`from_worker` and write entries' directories alone.

    Attributes:
        results_dir: holds the directories of sessions, absolute.
        artifacts_dir: holds scratch directories, absolute.
        session_name: the session's name.
        session_dir: ``{results_dir}/{session_name}``.
        run_id: identity of this run among those that fill the session.
        recovered: names of entries that a killed run had left without a result when this run joined.
    """

    def __init__(self, place: SessionPlace, run_id: str, masker: Masker | None = None) -> None:
        self.results_dir = place.results_dir
        self.artifacts_dir = place.artifacts_dir
        self.session_name = place.session_name
        self.session_dir = place.results_dir / place.session_name
        self.run_id = run_id
        self.recovered: tuple[str, ...] = ()
        self._made = place.made
        self._record: RunRecord | None = None
        self._masker = masker or Masker()
        self._scratch = ScratchDirs(place.results_dir, place.artifacts_dir, place.session_name)
        self._entries = EntryDirs(self.session_dir, run_id, self._scratch, self._masker)

    # --- opening ---

    @classmethod
    def create(
        cls,
        results_dir: Path,
        artifacts_dir: Path,
        *,
        prefix: str | None = None,
        exact: str | None = None,
        masker: Masker | None = None,
    ) -> SessionStore:
        """Make a new session, or join the one of exactly the name ``exact`` (made where there is none).

        Args:
            results_dir: where sessions' directories are; made where missing.
            artifacts_dir: where scratch directories are; made where missing.
            prefix: a new session is called ``{prefix}__{local date and time}``.
            exact: the session's whole name.
            masker: hides secrets in everything that is written.

        Raises:
            SessionError: a name is wrong, or a directory can't be made or written.
        """
        place = claim_session(results_dir, artifacts_dir, prefix=prefix or DEFAULT_PREFIX, exact=exact)
        owner = ProcessIdentity.current()
        store = cls(place, new_run_id(owner), masker)
        try:
            with store._writing():
                run_file(store.session_dir, store.run_id).parent.mkdir(parents=True)
                store._save(RunRecord(run_id=store.run_id, status="running", owner=owner, started_at=utc_now()))
            if exact is not None:
                store.recovered = recover_session(store.session_dir)
        except SessionError:
            store.discard_if_unused()
            raise
        return store

    def to_worker(self) -> dict[str, str]:
        """What an xdist worker needs for :meth:`from_worker`: builtins only."""
        return {
            "results_dir": str(self.results_dir),
            "artifacts_dir": str(self.artifacts_dir),
            "session_name": self.session_name,
            "run_id": self.run_id,
        }

    @classmethod
    def from_worker(cls, data: Mapping[str, str], masker: Masker | None = None) -> SessionStore:
        """The same session in a worker, from :meth:`to_worker`; touches nothing."""
        place = SessionPlace(
            results_dir=Path(data["results_dir"]),
            artifacts_dir=Path(data["artifacts_dir"]),
            session_name=data["session_name"],
        )
        return cls(place, data["run_id"], masker)

    @property
    def is_first(self) -> bool:
        """Whether this run made the session's directory, and didn't join it."""
        return self.session_dir in self._made

    @property
    def run_dir(self) -> Path:
        """``{session_dir}/runs/{run_id}``: for what belongs to this run, in any of its processes, and to no entry."""
        return run_file(self.session_dir, self.run_id).parent

    def data_setups(self) -> SessionStore:
        """The same for the session's data set-ups, whose directories lie one level deeper; touches nothing."""
        place = SessionPlace(
            results_dir=self.session_dir,
            artifacts_dir=self.artifacts_dir / self.session_name,
            session_name=DATA_SETUP_NAME,
        )
        return SessionStore(place, self.run_id, self._masker)

    # --- the session's own files: the controller's ---

    def begin(self, entries: Sequence[str], facts: RunFacts | None = None) -> None:
        """Record which entries this run will run, and what it says about itself; raises SessionError."""
        with self._writing():
            record = self._own_record()
            self._save(replace(record, entries=tuple(entries), facts=self._masked(facts or record.facts)))

    def write_environment(self, environment: Mapping[str, object], packages: str) -> None:
        """Write ``env.json`` and ``packages.txt``; raises SessionError.

        The session's own are those of the run that made it; a run that joined keeps its own in ``runs/``.
        """
        with self._writing():
            masked = self._masker.mask_data(environment)
            write_json(self._facts_dir / "env.json", with_format("env.json", masked))
            self._write_text("packages.txt", packages)

    def write_config(self, text: str) -> None:
        """Write ``config.yaml``, in the same place; raises SessionError.

        Mask the data before it becomes YAML, too: a value that YAML folds or escapes isn't found in the text.
        """
        with self._writing():
            self._write_text("config.yaml", text)

    def write_datasets(self, records: Sequence[Mapping[str, object]]) -> None:
        """Write what is known of the datasets, for this run's workers; raises SessionError."""
        with self._writing():
            write_json(self._datasets_file, self._masker.mask_data(list(records)), durable=False)

    def read_datasets(self) -> list[dict[str, Any]]:
        """What :meth:`write_datasets` has written; nothing where it has not."""
        with contextlib.suppress(OSError, ValueError):
            records: list[dict[str, Any]] = json.loads(self._datasets_file.read_bytes())
            return records
        return []

    @property
    def _datasets_file(self) -> Path:
        return run_file(self.session_dir, self.run_id).with_name(DATASETS_NAME)

    def finish(self, results: Iterable[EntryResult], *, exit_status: int) -> None:
        """Record this run's end, the status of each entry that it ran or skipped, and pytest's exit status.

        Raises:
            SessionError: it can't be written.
        """
        statuses = {result.name: result.status for result in results}
        with self._writing():
            self._save(self._own_record().closed(status_of_exit(exit_status), exit_status, dict(statuses)))

    def discard_if_unused(self) -> bool:
        """Remove what this run has made, if it began no entry; never raises.

        Returns:
            Whether this run is gone from the session's directory; the directory itself stays for others.
        """
        with contextlib.suppress(OSError):
            entry_dirs = list(walk_entries(self.session_dir))
            if any(self.is_begun(path.name) for path in entry_dirs):
                return False
            shutil.rmtree(self.run_dir, ignore_errors=True)
            if entry_dirs or any(read_runs(self.session_dir)):
                write_summary(self.session_dir)
                return True
            own = ("env.json", "packages.txt", "config.yaml") if self.is_first else ()
            for name in (SESSION_NAME, *own):
                (self.session_dir / name).unlink(missing_ok=True)
            remove_empty([*self._made, self.session_dir / RUNS_NAME])
        return True

    @property
    def _facts_dir(self) -> Path:
        return self.session_dir if self.is_first else self.run_dir

    def _write_text(self, name: str, text: str) -> None:
        content = self._masker.mask(text).encode(errors="backslashreplace")
        write_bytes(self._facts_dir / name, content)

    def _masked(self, facts: RunFacts) -> RunFacts:
        return RunFacts(**self._masker.mask_data(asdict(facts)))

    def _own_record(self) -> RunRecord:
        if self._record is None:
            raise RuntimeError("only the controller writes the session's own files")
        return self._record

    def _save(self, record: RunRecord) -> None:
        self._record = record
        write_run(self.session_dir, record)
        write_summary(self.session_dir)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SessionError.unwritable(self.session_dir, "results_dir", error) from error

    # --- entries: controller and workers ---

    def entry_dir(self, name: str) -> Path:
        """The entry's directory, whether it exists or not; raises ValueError for names that can't be one."""
        return self._entries.path(name)

    def prepare_entry_dir(self, name: str, *, nodeid: str = "", timeout_s: float = 0.0) -> Path:
        """Make the entry's directory afresh; see :meth:`EntryDirs.prepare`.

        ``nodeid`` and ``timeout_s`` are only for the result that the entry gets if this run is killed.
        """
        return self._entries.prepare(name, nodeid=nodeid, timeout_s=timeout_s)

    def scratch_dir(self, name: str) -> Path:
        """The entry's scratch directory itself, whether it exists or not."""
        return self._scratch.path(name)

    def prepare_scratch(self, name: str) -> Path:
        """Make the entry's scratch directory and the link to it; see :meth:`ScratchDirs.prepare`."""
        return self._scratch.prepare(name)

    def remove_scratch(self, name: str) -> str | None:
        """Delete the entry's scratch directory; gives a warning if something is left, and never raises."""
        return self._scratch.remove(name)

    def write_result(self, result: EntryResult, *, durable: bool = True) -> Path:
        """Write the entry's ``results.json``; see :meth:`EntryDirs.write_result`."""
        return self._entries.write_result(result, durable=durable)

    def is_begun(self, name: str) -> bool:
        """Whether this run, in any of its processes, made the entry's directory."""
        return self._entries.is_begun(name)

    def recover_entry(self, name: str, nodeid: str, timeout_s: float) -> EntryResult:
        """The result of an entry that this run began: the one on the disk, else one that says interrupted.

        Raises:
            SessionError: the latter can't be written.
        """
        entry_dir = self.entry_dir(name)
        with contextlib.suppress(OSError, ValueError):
            return read_result(entry_dir)
        result = interrupted_result(
            entry_dir,
            read_claim(entry_dir),
            "no-result",
            "pytest ended before the entry did: run it again.\nWhat the script had written is kept.",
            nodeid=nodeid,
            timeout_s=timeout_s,
        )
        self.write_result(result)
        return result

    def read_results(self) -> tuple[list[EntryResult], list[str]]:
        """Every readable result of the session, and one sentence for each that can't be read."""
        return read_results(self.session_dir)
