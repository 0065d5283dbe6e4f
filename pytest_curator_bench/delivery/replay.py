# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench replay``: deliver the results of a session that a sink has no receipt for."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.locks import LockedError, locked_file
from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench._util.text import instead_of
from pytest_curator_bench.config.problems import ConfigError
from pytest_curator_bench.delivery.dispatcher import SinkDispatcher, report_lines
from pytest_curator_bench.delivery.replay_settings import ReplaySettings, from_config_files, from_session
from pytest_curator_bench.delivery.results import session_results, with_comparisons
from pytest_curator_bench.results.format import read_file_or_skip
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import RUNS_NAME, SESSION_NAME, SINKS_NAME
from pytest_curator_bench.session.recovery import recover_session
from pytest_curator_bench.session.runs import RunFacts, read_runs
from pytest_curator_bench.sinks.base import delivery_key
from pytest_curator_bench.sinks.files.locking import FileSink
from pytest_curator_bench.sinks.registry import BUILT_IN, create_sinks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.config.model import SinkConfig
    from pytest_curator_bench.sinks.base import Sink

__all__ = ["ReplayError", "ReplayOptions", "replay", "session_env_data"]

PATIENCE_S = 60.0
"""How long to wait for a sign of life of a sink once all results are queued, in seconds."""


class ReplayError(Exception):
    """A replay is not possible; the message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What the user asked for.

    Attributes:
        session: the session's directory, or with config files its name in their ``results_dir``.
        sinks: names of the only sinks to deliver to; empty for all that are switched on.
        config_files: where the sinks' settings are; empty for those that the session recorded.
    """

    session: Path
    sinks: tuple[str, ...] = ()
    config_files: tuple[Path, ...] = ()


def replay(options: ReplayOptions, environ: Mapping[str, str], write: Callable[[str], None]) -> bool:
    """Deliver to each sink what it has no receipt for; a sink that has everything is not called at all.

    Args:
        options: what to deliver, and to whom.
        environ: the environment variables that config files refer to.
        write: takes one line of text for the user.

    Returns:
        Whether every sink now has everything.

    Raises:
        ReplayError: nothing was delivered, for a reason that the message gives.
    """
    try:
        settings = from_config_files(options.config_files, environ) if options.config_files else None
        session_dir = _session_dir(options.session, settings)
        _refuse_running(session_dir)
        settings = settings or from_session(session_dir)
    except ConfigError as error:
        raise ReplayError(str(error)) from None
    masker = Masker(settings.secrets)

    def write_masked(text: str) -> None:
        write(masker.mask(text))

    try:
        wanted = _wanted(settings, options.sinks, write_masked)
    except ReplayError as error:
        raise ReplayError(masker.mask(str(error))) from None
    try:
        sinks = create_sinks(wanted, module_dirs=settings.module_dirs, display=settings.display)
    except ConfigError as error:
        raise ReplayError(masker.mask(str(error))) from None
    if settings.is_recorded:
        _refuse_files_outside(sinks, session_dir, settings.source)
    with _alone(session_dir):
        results, problems = session_results(session_dir)
        env_data = session_env_data(session_dir)
        complete = [_replay_one(sink, session_dir, results, env_data, masker, write_masked) for sink in sinks]
    for problem in problems:
        write_masked(problem)
    return all(complete) and not problems


def _replay_one(
    sink: Sink,
    session_dir: Path,
    results: Sequence[Mapping[str, Any]],
    env_data: Mapping[str, Any],
    masker: Masker,
    write: Callable[[str], None],
) -> bool:
    dispatcher = SinkDispatcher([sink], session_dir, env_data, masker, patience_s=PATIENCE_S)
    (receipts,) = dispatcher.receipts
    known = {delivery_key(result) for result in results}
    every = [*results, *(result for result in receipts.kept() if delivery_key(result) not in known)]
    missing = [result for result in every if not receipts.is_delivered(result)]
    if not missing and receipts.is_finalized():
        write(f"sink {sink.name}: has everything already")
        return True
    dispatcher.open()
    for result in with_comparisons(session_dir, missing):
        dispatcher.submit(result)
    (report,) = dispatcher.close()
    for line in report_lines([report]):
        write(line)
    return report.is_complete


def _session_dir(session: Path, settings: ReplaySettings | None) -> Path:
    tried = [session]
    if settings is not None and settings.results_dir is not None and not session.is_absolute():
        tried.append(settings.results_dir / session)
    for path in tried:
        if os.path.isdir(path / RUNS_NAME):  # noqa: PTH112  # pathlib raises an error for paths that are too long
            return path.resolve()
    raise ReplayError(f"no session at {' or '.join(map(str, tried))}: give the directory that holds {SESSION_NAME}")


def _wanted(settings: ReplaySettings, names: Sequence[str], write: Callable[[str], None]) -> list[SinkConfig]:
    off = {sink.name: sink.reason for sink in settings.switched_off}
    known = [*(sink.name for sink in settings.sinks), *off]
    for name in names:
        if name in off:
            raise ReplayError(f"the sink {name} is switched off: {off[name]}")
        if name not in known:
            raise ReplayError(f"no sink {name} in {settings.source}{instead_of(name, known)}")
    if not names:
        for name, reason in off.items():
            write(f"sink {name}: switched off: {reason}")
    wanted = [sink for sink in settings.sinks if not names or sink.name in names]
    if not wanted:
        raise ReplayError(
            f"no sink is switched on in {settings.source}: give the files that name one with --config FILE"
        )
    incomplete = [sink.name for sink in wanted if settings.is_incomplete(sink)]
    if incomplete:
        raise ReplayError(
            f"the settings of {', '.join(incomplete)} in {settings.source} are incomplete, because secrets are masked: "
            "give the config files of the run with --config FILE, and define the environment variables that they need"
        )
    foreign = [sink.name for sink in wanted if sink.class_path not in {None, *BUILT_IN.values()}]
    if settings.is_recorded and foreign:
        raise ReplayError(
            f"{settings.source} names a class for {', '.join(foreign)}, and a class is imported only from files that "
            "you name: give the config files of the run with --config FILE, or choose other sinks with --sink"
        )
    return wanted


def _refuse_files_outside(sinks: Sequence[Sink], session_dir: Path, source: str) -> None:
    """A session may be a stranger's: it must not make a replay write into any file of its reader's."""
    for sink in sinks:
        if isinstance(sink, FileSink):
            file = sink.destination(session_dir, session_dir.parent)
            if not file.is_relative_to(session_dir):
                raise ReplayError(
                    f"{source} has the sink {sink.name} write {file}, and a file outside of the session is written "
                    "only where files that you name say so: give the config files of the run with --config FILE, or "
                    "choose other sinks with --sink"
                )


def _refuse_running(session_dir: Path) -> None:
    """A run that is alive still delivers its results itself; of runs elsewhere nobody here can know."""
    for run in read_runs(session_dir)[0]:
        if run.owner.state() == "alive" and run.owner.pid != os.getpid():
            raise ReplayError(f"the session is still running ({run.owner.describe()}): wait for its end")


@contextlib.contextmanager
def _alone(session_dir: Path) -> Iterator[None]:
    """Put right what killed runs left, and keep other replays of the session out."""
    try:
        recover_session(session_dir)
        (session_dir / SINKS_NAME).mkdir(exist_ok=True)
        stack = contextlib.ExitStack()
        stack.enter_context(locked_file(session_dir / SINKS_NAME / "replay.lock", timeout_s=0))
    except LockedError:
        raise ReplayError(f"another replay of {session_dir} is at work: wait for its end") from None
    except (OSError, SessionError) as error:
        raise ReplayError(f"can't write in {session_dir}: {error}") from error
    with stack:
        yield


def session_env_data(session_dir: Path) -> dict[str, Any]:
    """What sinks are told of a session, from its files; what a killed run has not written is missing."""
    # Sinks of a run are given no file's content, and so no format.
    environment, session = (read_file_or_skip(session_dir / name) for name in ("env.json", SESSION_NAME))
    facts = {name: session.get(name) for name in RunFacts.__dataclass_fields__ if name != "command_line"}
    runs = session.get("runs") or [{}]
    return {
        **{key: value for key, value in environment.items() if key != "format"},
        **facts,
        "entries": session.get("entries", []),
        "results_dir": str(session_dir.parent),
        "run_id": runs[0].get("run_id"),
        "session_dir": str(session_dir),
    }
