# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The directory of a session, as one pytest run uses it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import read_regular, write_bytes, write_json
from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench._util.trees import remove_tree
from pytest_curator_bench.results.format import NewerFormatError, read_file, with_format
from pytest_curator_bench.session.directories import SessionPlace, claim_session, remove_empty
from pytest_curator_bench.session.entry_dirs import EntryDirs, walk_entries
from pytest_curator_bench.session.entry_results import restore_permissions
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import (
    CONFIG_NAME,
    DATA_SETUP_NAME,
    DATASETS_NAME,
    DEFAULT_PREFIX,
    PACKAGES_NAME,
    RUNS_NAME,
    SESSION_NAME,
)
from pytest_curator_bench.session.process_identity import ProcessIdentity
from pytest_curator_bench.session.recovery import recover_session
from pytest_curator_bench.session.reserve import RESERVE_DIR, reserve_space
from pytest_curator_bench.session.runs import (
    RunFacts,
    RunRecord,
    new_run_id,
    read_runs,
    run_file,
    status_of_exit,
    utc_now,
    write_run,
)
from pytest_curator_bench.session.scratch import ScratchDirs
from pytest_curator_bench.session.summary import write_summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["RunFacts", "SessionError", "SessionStore"]


class SessionStore:
    """The directories of one session, for one run of it.

    The controller opens it with :meth:`create` and alone writes the session's own files; xdist workers open it with
    :meth:`from_worker` and write entries' directories only.

    Attributes:
        session_name: the session's name.
        session_dir: ``{results_dir}/{session_name}``, absolute.
        run_id: identity of this run among those that fill the session.
        run_dir: ``{session_dir}/runs/{run_id}``: for files that belong to this run and to no entry.
        recovered: names of entries that a killed run had left without a result when this run joined.
        entries: the directories of the session's entries, for the controller and for workers.
        scratch: the scratch directories of the entries.
    """

    def __init__(
        self,
        place: SessionPlace,
        run_id: str,
        masker: Masker | None = None,
        *,
        run_dir: Path | None = None,
        compat: str | None = None,
    ) -> None:
        self.session_name = place.session_name
        self.session_dir = place.results_dir / place.session_name
        self.run_id = run_id
        self.recovered: tuple[str, ...] = ()
        self._place = place
        self._record: RunRecord | None = None
        self._masker = masker or Masker()
        self.scratch = ScratchDirs(place.results_dir, place.artifacts_dir, place.session_name)
        self.run_dir = run_dir or run_file(self.session_dir, run_id).parent
        self.entries = EntryDirs(self.session_dir, self.run_dir, self.scratch, self._masker, compat=compat)
        self._compat = compat

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
        compat: str | None = None,
    ) -> SessionStore:
        """Make a new session, or join the one of exactly the name ``exact`` (made where there is none).

        Args:
            results_dir: where sessions' directories are; made where missing.
            artifacts_dir: where scratch directories are; made where missing.
            prefix: a new session is called ``{prefix}__{local date and time}``.
            exact: the session's whole name.
            masker: hides secrets in everything that is written.
            compat: the configuration's key, for what is written.

        Raises:
            SessionError: a name is wrong, a directory can't be made or written, or a newer version made the session.
        """
        place = claim_session(results_dir, artifacts_dir, prefix=prefix or DEFAULT_PREFIX, exact=exact)
        try:
            read_file(place.results_dir / place.session_name / SESSION_NAME)
        except NewerFormatError as error:
            raise SessionError(f"session {place.session_name} can't be joined: {error}") from None
        except (OSError, ValueError):
            pass  # a new one, or one that is repaired
        owner = ProcessIdentity.current()
        store = cls(place, new_run_id(owner), masker, compat=compat)
        try:
            with store._writing():
                store.run_dir.mkdir(parents=True)
                store._save(
                    RunRecord(
                        run_id=store.run_id, status="running", owner=owner, started_at=utc_now(), signs_results=True
                    )
                )
                reserve_space(store._reserve_dir / ".space")
            if exact is not None:
                store.recovered = recover_session(store.session_dir, compat=compat)
        except SessionError:
            store.discard_if_unused()
            raise
        return store

    def to_worker(self) -> dict[str, str]:
        """Return what an xdist worker needs for :meth:`from_worker`: builtins only."""
        return {
            "results_dir": str(self._place.results_dir),
            "artifacts_dir": str(self._place.artifacts_dir),
            "session_name": self.session_name,
            "run_id": self.run_id,
        }

    @classmethod
    def from_worker(
        cls, data: Mapping[str, str], masker: Masker | None = None, *, compat: str | None = None
    ) -> SessionStore:
        """Open the same session in a worker, from :meth:`to_worker`, without touching the disk."""
        place = SessionPlace(
            results_dir=Path(data["results_dir"]),
            artifacts_dir=Path(data["artifacts_dir"]),
            session_name=data["session_name"],
        )
        return cls(place, data["run_id"], masker, compat=compat)

    @property
    def is_first(self) -> bool:
        """Whether this run made the session's directory; false where it joined the session."""
        return self.session_dir in self._place.made

    def data_setups(self) -> SessionStore:
        """Return a store for the session's data setups, whose directories lie one level deeper."""
        place = SessionPlace(
            results_dir=self.session_dir,
            artifacts_dir=self._place.artifacts_dir / self.session_name,
            session_name=DATA_SETUP_NAME,
        )
        return SessionStore(place, self.run_id, self._masker, run_dir=self.run_dir, compat=self._compat)

    # --- the session's own files: the controller's ---

    def begin(self, entries: Sequence[str], facts: RunFacts | None = None) -> None:
        """Record which entries this run will run, and the facts about the run; raises SessionError."""
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
            self._write_text(PACKAGES_NAME, packages)

    def write_config(self, text: str) -> None:
        """Write ``config.yaml``, in the same place; raises SessionError.

        Mask the data before it becomes YAML, too: the masker can't find a value that YAML folded or escaped.
        """
        with self._writing():
            self._write_text(CONFIG_NAME, text)

    def write_datasets(self, records: Sequence[Mapping[str, object]]) -> None:
        """Write the records of the datasets, for this run's workers; raises SessionError."""
        with self._writing():
            write_json(self._datasets_file, self._masker.mask_data(list(records)), durable=False)

    def read_datasets(self) -> list[dict[str, Any]]:
        """Return the records that :meth:`write_datasets` wrote; none where it wrote none."""
        with contextlib.suppress(OSError, ValueError, RecursionError):
            records: list[dict[str, Any]] = json.loads(read_regular(self._datasets_file))
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
        self.drop_reserve()
        with self._writing():
            self._save(self._own_record().closed(status_of_exit(exit_status), exit_status, dict(statuses)))
            records, unreadable = read_runs(self.session_dir)
        if not unreadable and all(record.is_over() for record in records):
            self.scratch.remove_empty()

    def drop_reserve(self) -> None:
        """Free all space that this run has reserved: no script runs any more that could take it."""
        remove_tree(self._reserve_dir)

    @property
    def _reserve_dir(self) -> Path:
        return self.run_dir / RESERVE_DIR

    def discard_if_unused(self) -> bool:
        """Remove what this run made, if it began no entry; never raises.

        Returns:
            Whether this run is gone from the session's directory; the directory itself stays for others.
        """
        with contextlib.suppress(OSError):
            entry_dirs = list(walk_entries(self.session_dir))
            if any(self.entries.is_begun(path.name) for path in entry_dirs):
                return False
            remove_tree(self.run_dir)
            if entry_dirs or any(read_runs(self.session_dir)):
                write_summary(self.session_dir)
                return True
            own = ("env.json", PACKAGES_NAME, CONFIG_NAME) if self.is_first else ()
            for name in (SESSION_NAME, *own):
                (self.session_dir / name).unlink(missing_ok=True)
            remove_empty([*self._place.made, self.session_dir / RUNS_NAME])
        return True

    @property
    def packages_file(self) -> Path:
        """Where :meth:`write_environment` writes ``packages.txt``."""
        return self._facts_dir / PACKAGES_NAME

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
        for directory in (self.session_dir, self.run_dir.parent, self.run_dir):
            restore_permissions(directory)  # which a script may have locked, or removed
        self.run_dir.mkdir(parents=True, exist_ok=True)
        write_run(self.session_dir, record)
        write_summary(self.session_dir)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SessionError.unwritable(self.session_dir, "results_dir", error) from error
