# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The one door from pytest's command line and ini file into typed options."""

from __future__ import annotations

import contextlib
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.plugin.comparison_options import FailOn, add_comparison_options, selector_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["AT_END", "BenchOptions", "Shard", "add_options", "selected_config_files"]

# What is undone when pytest ends, after the clean-up of all other plugins.
AT_END = pytest.StashKey[contextlib.ExitStack]()
BENCH_SUFFIXES = (".bench.yaml", ".bench.yml")

UNKNOWN_KEYS = ("error", "warn")
WAIT_QUIET_MINUTES = "10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Which part of how many.

    Attributes:
        number: from 1.
        count: number of parts.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``K/N``; raises pytest.UsageError for anything else."""
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        number, count = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= count:
            raise pytest.UsageError(f"--bench-shard {text}: expected K/N with K from 1 to N, such as 2/8")
        return cls(number=number, count=count)


_INTERPRETER = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._+-]*)=(?P<python>.+)")


def _interpreters(values: Sequence[str], *, null: bool) -> tuple[tuple[str, str], ...]:
    """Read the values of ``--bench-ab``; raises pytest.UsageError."""
    found: dict[str, str] = {}
    for value in values:
        match = _INTERPRETER.fullmatch(value)
        if match is None:
            expected = "expected NAME=PYTHON, a name of letters, digits and . _ + - and the path of an interpreter"
            raise pytest.UsageError(f"--bench-ab {value}: {expected}, such as main=/envs/main/bin/python")
        if match["name"] in found:
            raise pytest.UsageError(f"--bench-ab {value}: {match['name']} is given twice: give each its own name")
        found[match["name"]] = match["python"]
    if len(found) == 1 and not null:
        raise pytest.UsageError(
            f"--bench-ab {values[0]}: nothing to compare it with: give --bench-ab once more, or --bench-ab-null"
        )
    return tuple(found.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """What the user asked for.

    Attributes:
        session_name: start of the session's name, before the time stamp.
        session: exact name of a session to join or create.
        entries: names of the only entries to run; empty for all.
        interleave: entries with several runs take turns.
        ab: interpreters under which each entry runs in turns, name and path; empty for the usual one.
        ab_null: run each entry under one interpreter as if it were two.
        shard: the part of the selected entries to run; ``None`` for all.
        dry_run: print what would run, run nothing.
        require_resources: entries that need more than the machine has fail instead of being skipped.
        require_quiet: entries fail on a machine that is not quiet, instead of only saying so.
        wait_quiet_s: how long entries may wait for a quiet machine, in seconds.
        strict_config_check: undefined variables in sinks, and what is not defined in an entry, are errors for all.
        strict_keys: unknown keys are errors, and no warnings.
        reason: why this run was started, recorded in the session.
        viewer_url: address where this session's results can be looked at.
        viewer_url_template: the same with placeholders.
        skip_setup: run no data setup; the data is there.
        compare: what to compare results with: a selector, ``baseline`` for what is usual; ``None``: nothing.
        is_comparison_wanted: whether the command line asks for it; by itself it is shown where there is a baseline.
        fail_on: which changes fail the run; ``None``: none.
        heartbeat_s: seconds between two lines about an entry that runs, where there is no terminal; 0 for none.
    """

    session_name: str | None
    session: str | None
    entries: tuple[str, ...]
    interleave: bool
    ab: tuple[tuple[str, str], ...]
    ab_null: bool
    shard: Shard | None
    dry_run: bool
    require_resources: bool
    require_quiet: bool
    wait_quiet_s: float
    strict_config_check: bool
    strict_keys: bool
    reason: str | None
    viewer_url: str | None
    viewer_url_template: str | None
    skip_setup: bool
    compare: str | None
    is_comparison_wanted: bool
    fail_on: FailOn | None
    heartbeat_s: float

    @classmethod
    def from_pytest_config(cls, config: pytest.Config) -> BenchOptions:
        """Read every ``--bench`` option but the config files.

        Raises:
            pytest.UsageError: two options exclude one another, or one is malformed.
        """
        option = config.option
        if option.bench_session_name and option.bench_session:
            raise pytest.UsageError("--bench-session-name and --bench-session exclude each other: give one")
        ab = "--bench-ab" if option.bench_ab else "--bench-ab-null" if option.bench_ab_null else None
        takes_turns = ab or ("--bench-interleave" if option.bench_interleave else None)
        if takes_turns and (getattr(option, "tx", None) or hasattr(config, "workerinput")):
            raise pytest.UsageError(f"{takes_turns} needs one process, in which runs take turns: leave -n out")
        if ab and option.bench_interleave:
            raise pytest.UsageError(f"{ab} lets runs take turns by itself: leave --bench-interleave out")
        if ab and option.bench_shard is not None:
            raise pytest.UsageError(f"{ab} needs all runs on one machine, one after the other: leave --bench-shard out")
        if getattr(option, "dist", "no") == "each":
            raise pytest.UsageError("--dist each would run each entry in every worker: leave it out")
        if option.bench_viewer_url and option.bench_viewer_url_template:
            raise pytest.UsageError("--bench-viewer-url and --bench-viewer-url-template exclude each other: give one")
        compare = selector_of(option)
        fail_on = FailOn.parse(option.bench_fail_on) if option.bench_fail_on is not None else None
        return cls(
            session_name=option.bench_session_name,
            session=option.bench_session,
            entries=tuple(option.bench_entry),
            interleave=option.bench_interleave,
            ab=_interpreters(option.bench_ab, null=option.bench_ab_null),
            ab_null=option.bench_ab_null,
            shard=Shard.parse(option.bench_shard) if option.bench_shard is not None else None,
            dry_run=option.bench_dry_run,
            require_resources=option.bench_require_resources,
            require_quiet=option.bench_require_quiet,
            wait_quiet_s=_quiet_minutes(option.bench_wait_quiet) * 60,
            strict_config_check=option.bench_strict_config_check,
            strict_keys=(option.bench_unknown_keys or _unknown_keys(config)) == "error",
            reason=option.bench_reason,
            viewer_url=option.bench_viewer_url,
            viewer_url_template=option.bench_viewer_url_template,
            skip_setup=option.bench_skip_setup,
            compare=compare,
            is_comparison_wanted=isinstance(option.bench_compare, str) or fail_on is not None,
            fail_on=fail_on,
            heartbeat_s=_heartbeat_s(config),
        )


def _quiet_minutes(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (minutes := float(text)) < float("inf"):
            return minutes
    raise pytest.UsageError(
        f"--bench-wait-quiet {text}: expected a number of minutes: "
        "write --bench-wait-quiet=MINUTES, or put --bench-wait-quiet behind the paths"
    )


def _unknown_keys(config: pytest.Config) -> str:
    value = str(config.getini("bench_unknown_keys"))
    if value not in UNKNOWN_KEYS:
        raise pytest.UsageError(f"bench_unknown_keys in the ini file: found {value!r}, expected error or warn")
    return value


def _heartbeat_s(config: pytest.Config) -> float:
    value = str(config.getini("bench_heartbeat_s"))
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise pytest.UsageError(
            f"bench_heartbeat_s in the ini file: found {value!r}, expected a number of seconds, or 0 for no heartbeat"
        )
    return seconds


def add_options(parser: pytest.Parser) -> None:
    """Declare the plugin's options and ini key."""
    group = parser.getgroup("curator-bench", "NeMo Curator benchmarks")
    group.addoption(
        "--bench-config",
        dest="bench_config",
        action="append",
        default=[],
        metavar="FILE",
        help="benchmark config, YAML; repeatable, later files are merged over earlier ones; looked up from "
        "the invocation directory, then in the directories given as arguments, then from the rootdir",
    )
    group.addoption(
        "--bench-entry",
        dest="bench_entry",
        action="append",
        default=[],
        metavar="NAME[,NAME...]",
        help="run only the entries of exactly these names; repeatable",
    )
    group.addoption(
        "--bench-shard",
        dest="bench_shard",
        metavar="K/N",
        help="run only the K-th of N parts of the selected entries; with --bench-session balanced by how long they "
        "took in earlier sessions, else split by name",
    )
    group.addoption(
        "--bench-session-name",
        dest="bench_session_name",
        metavar="NAME",
        help="start of the session's name; the time is added (NAME__2025-01-23__14-30-00)",
    )
    group.addoption(
        "--bench-session",
        dest="bench_session",
        metavar="EXACT",
        help="join the session of exactly this name, or create it, so that several runs fill one",
    )
    group.addoption(
        "--bench-interleave",
        dest="bench_interleave",
        action="store_true",
        help="entries with several runs take turns (first runs of all, second runs of all, ...), so that a machine "
        "that grows slower does so for all alike; each run gets a Ray cluster of its own",
    )
    group.addoption(
        "--bench-ab",
        dest="bench_ab",
        action="append",
        default=[],
        metavar="NAME=PYTHON",
        help="twice or more: run each entry under each interpreter, in turns, as ENTRY@NAME, and compare the pairs of "
        "runs; an entry's 'repeat' is the number of pairs",
    )
    group.addoption(
        "--bench-ab-null",
        dest="bench_ab_null",
        action="store_true",
        help="run each entry under one interpreter as if it were two, to see the machine's own noise: under the first "
        "of --bench-ab, or the usual one",
    )
    group.addoption(
        "--bench-dry-run",
        dest="bench_dry_run",
        action="store_true",
        help="print each selected entry's command, to be pasted, its environment, limits and resources; run nothing",
    )
    group.addoption(
        "--bench-require-resources",
        dest="bench_require_resources",
        action="store_true",
        help="fail entries that ask for more GPUs, CPUs or object store than the machine has, instead of skipping them",
    )
    group.addoption(
        "--bench-require-quiet",
        dest="bench_require_quiet",
        action="store_true",
        help="fail an entry, before its script starts, if the machine is not quiet (other processes on CPUs or GPUs, "
        "little free memory, slow or hot CPUs), instead of a warning in its result",
    )
    group.addoption(
        "--bench-wait-quiet",
        dest="bench_wait_quiet",
        nargs="?",
        const=WAIT_QUIET_MINUTES,
        default="0",
        metavar="MINUTES",
        help="wait for a quiet machine before each entry, at most so long in the whole run (default: "
        f"{WAIT_QUIET_MINUTES}); an entry runs with a warning afterwards, or fails with --bench-require-quiet",
    )
    group.addoption(
        "--bench-strict-config-check",
        dest="bench_strict_config_check",
        action="store_true",
        help="an undefined environment variable in a sink is an error, instead of switching that sink off; and what is "
        "not defined in one entry is an error for all, instead of that entry's own",
    )
    group.addoption(
        "--bench-unknown-keys",
        dest="bench_unknown_keys",
        choices=UNKNOWN_KEYS,
        help="what an unknown key in the config is, and an overlay's entry that no other file has (default: error)",
    )
    group.addoption(
        "--bench-reason",
        dest="bench_reason",
        metavar="TEXT",
        help="why this run was started; recorded with the session",
    )
    group.addoption(
        "--bench-viewer-url",
        dest="bench_viewer_url",
        metavar="URL",
        help="where this session's results can be looked at; recorded with the session",
    )
    group.addoption(
        "--bench-viewer-url-template",
        dest="bench_viewer_url_template",
        metavar="URL",
        help="the same with placeholders, as viewer_url_template in the config",
    )
    group.addoption(
        "--bench-skip-setup",
        dest="bench_skip_setup",
        action="store_true",
        help="run no data setup: the data is there; entries run as if theirs had passed",
    )
    add_comparison_options(group)
    parser.addini("bench_unknown_keys", "as --bench-unknown-keys: error or warn", default="error")
    parser.addini(
        "bench_heartbeat_s",
        "seconds between two lines about an entry that runs, where the output is no terminal; 0: none",
        default="60",
    )
    parser.addini(
        "bench_config",
        "default benchmark config files (as --bench-config), relative to the ini file",
        type="paths",
        default=[],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFiles:
    """Which config files are in force, and whether the command line named them.

    Attributes:
        files: existing files, in merging order.
        explicit: named by ``--bench-config`` or as ``*.bench.yaml`` arguments, not by the ini file.
    """

    files: tuple[Path, ...]
    explicit: bool


def selected_config_files(config: pytest.Config) -> ConfigFiles | None:
    """Find the benchmark config of this run; ``None`` if it has none, so that the plugin stays inert.

    The ini file's default counts only where the collection arguments lead to one of its files:
    ``pytest tests/`` runs no benchmarks.

    Raises:
        pytest.UsageError: a file that was asked for is not there.
    """
    paths = [_argument_path(config, argument) for argument in config.args]
    bench_arguments = [path for path in paths if _has_bench_suffix(path)]
    named = config.option.bench_config
    if named or bench_arguments:
        files = [_find(config, name, [path for path in paths if path.is_dir()]) for name in named]
        files += [_existing(path, [path]) for path in bench_arguments]
        return ConfigFiles(files=_each_once(files), explicit=True)
    defaults = [_as_named(Path(path)) for path in config.getini("bench_config")]
    if not any(_leads_to(paths, file) for file in defaults):
        return None
    return ConfigFiles(files=_each_once([_existing(path, [path]) for path in defaults]), explicit=False)


def extend_arguments(config: pytest.Config, files: Iterable[Path], *, explicit: bool) -> list[str]:
    """Have pytest collect ``files``, the config files with entries, where the command line named them.

    With no path on the command line, an explicit config stands alone; else it comes beside the paths given. A whole
    project is no such path: ``pytest . --bench-config FILE`` is how benchmarks are asked for, and not all tests.

    Returns:
        the arguments that were left out for that.

    Raises:
        pytest.UsageError: the path of a file is none that pytest can be given.
    """
    if not explicit:
        return []
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args[:] = [_argument(config, file) for file in files]
        return []
    left_out = [argument for argument in config.args if config.option.bench_config and _is_project(config, argument)]
    config.args[:] = [argument for argument in config.args if argument not in left_out]
    given = {os.path.realpath(_argument_path(config, argument)) for argument in config.args}
    config.args.extend(_argument(config, file) for file in files if os.path.realpath(file) not in given)
    return left_out


def _is_project(config: pytest.Config, argument: str) -> bool:
    """Return whether an argument is the invocation directory, the one of the ini file, or a checkout's root."""
    path = os.path.realpath(_argument_path(config, argument))
    roots = {os.path.realpath(config.invocation_params.dir)}
    if config.inipath is not None:
        roots.add(os.path.realpath(config.inipath.parent))
    return path in roots or os.path.lexists(os.path.join(path, ".git"))  # noqa: PTH118  # as above


def _argument(config: pytest.Config, file: Path) -> str:
    """Return what pytest takes for the path of a file: the whole path, unless pytest would misread it."""
    for path in (str(file), os.path.relpath(file, config.invocation_params.dir)):
        if "[" not in path and "::" not in path:
            return path
    from pytest_curator_bench._util.text import printable

    raise pytest.UsageError(
        f"{printable(str(file))}: pytest takes [ and :: in a path for the name of a test: "
        "rename the directory or the file, or call pytest from below that directory"
    )


def _argument_path(config: pytest.Config, argument: str) -> Path:
    """Return the path as pytest has it for its nodes: links stay, and ``..`` takes away what stands before it."""
    return Path(os.path.abspath(config.invocation_params.dir / argument.split("::", 1)[0]))  # noqa: PTH100


def _as_named(path: Path) -> Path:
    from pytest_curator_bench._util.links import as_named

    return as_named(path)


def _has_bench_suffix(path: Path) -> bool:
    return path.name.endswith(BENCH_SUFFIXES) or os.path.realpath(path).endswith(BENCH_SUFFIXES)


def _each_once(files: Iterable[Path]) -> tuple[Path, ...]:
    """Return the files without those that are links to an earlier one."""
    found: dict[str, Path] = {}
    for file in files:
        found.setdefault(os.path.realpath(file), file)
    return tuple(found.values())


def _leads_to(paths: Sequence[Path], file: Path) -> bool:
    """Return whether one of the paths is a file, or holds it, by whatever names."""
    from pytest_curator_bench._util.links import in_real_dir

    names = (file, in_real_dir(file), Path(os.path.realpath(file)))
    holders = {*paths, *(Path(os.path.realpath(path)) for path in paths)}
    return any(name in holders or not holders.isdisjoint(name.parents) for name in names)


def _find(config: pytest.Config, name: str, argument_dirs: Sequence[Path]) -> Path:
    places = [config.invocation_params.dir, *argument_dirs, config.rootpath]
    return _existing(Path(name), list(dict.fromkeys(_as_named(place / name) for place in places)))


def _existing(name: Path, candidates: Sequence[Path]) -> Path:
    for candidate in candidates:
        if os.path.exists(candidate):  # noqa: PTH110  # pathlib raises an error for paths that are too long
            return candidate
    from pytest_curator_bench._util.text import near, printable

    tried = "".join(f"\n  {printable(f'{candidate}{_why_missing(candidate)}')}" for candidate in candidates)
    found = (file.name for candidate in candidates for file in _yaml_files(candidate.parent))
    beside = [file for file in found if file != name.name]  # a link that leads nowhere has the very name
    meant = near(name.name, beside, cutoff=0.75)
    looked = f"{meant} Looked for" if meant else "; looked for"
    raise pytest.UsageError(f"benchmark config not found: {printable(str(name))}{looked}{tried}")


def _yaml_files(directory: Path) -> list[Path]:
    return [*directory.glob("*.yaml"), *directory.glob("*.yml")]


def _why_missing(path: Path) -> str:
    """Return why a path does not lead to a file, in brackets, where it is more than that nothing is there."""
    try:
        path.stat()
    except FileNotFoundError:
        return f" (a link to {path.readlink()}, which does not exist)" if path.is_symlink() else ""
    except OSError as error:
        return f" ({error.strerror})"
    except ValueError as error:
        return f" ({error})"
    return ""
