# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench env``: what two sessions ran on, side by side."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import counted, harmless
from pytest_curator_bench.cli.errors import CommandError
from pytest_curator_bench.cli.output import Column, add_format_argument, print_json, print_note, print_rows
from pytest_curator_bench.cli.results_dir import add_results_arguments, all_sessions, one_session
from pytest_curator_bench.history.configs import read_config, read_config_digest
from pytest_curator_bench.history.environment import (
    dataset_facts,
    environment_facts,
    facts_of,
    log_commands,
    read_packages,
)
from pytest_curator_bench.history.records import read_environment, read_records
from pytest_curator_bench.history.selectors import SELECTORS
from pytest_curator_bench.history.sessions import session_before
from pytest_curator_bench.session.names import CONFIG_NAME, PACKAGES_NAME

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_curator_bench.history.environment import Fact
    from pytest_curator_bench.history.sessions import SessionRef

__all__ = ["add_arguments", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """What is known of what one session ran on."""

    ref: SessionRef
    environment: Mapping[str, Any]
    packages: Mapping[str, str]
    config: Mapping[str, str]
    digest: str | None

    @classmethod
    def read(cls, ref: SessionRef) -> _Side:
        """Read it from the session's files."""
        return cls(
            ref=ref,
            environment=read_environment(ref.path, ""),
            packages=read_packages(ref.path),
            config=read_config(ref.path),
            digest=read_config_digest(ref.path),
        )

    def unknown(self) -> Iterator[str]:
        """Yield the names of files that can't be read, or are empty."""
        for name, content in (
            ("env.json", self.environment),
            (PACKAGES_NAME, self.packages),
            (CONFIG_NAME, self.config),
        ):
            if not content:
                yield name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Show what two sessions ran on where that differs: versions, commits, machine, packages, datasets, "
        "configuration. Exit status 0: shown, whether or not anything differs, 2: there are no such sessions."
    )
    parser.epilog = f"A selector is one of: {SELECTORS}."
    parser.add_argument(
        "selectors",
        nargs="*",
        metavar="[[OTHER] SESSION]",
        help="the session (default: latest), and before it the one to compare it with (default: the session of the "
        "same name before it)",
    )
    add_results_arguments(parser)
    add_format_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Show the differences; returns the exit status."""
    if len(options.selectors) > 2:
        raise CommandError(f"found {len(options.selectors)} selectors, expected at most two")
    *others, selector = options.selectors or ["latest"]
    ref = one_session(options, selector)
    other = one_session(options, others[0]) if others else _before(options, ref)
    then, now = _Side.read(other), _Side.read(ref)
    groups = dict(_facts(then, now))
    rows = [
        {"kind": kind, "name": fact.name, "then": fact.then, "now": fact.now}
        for kind, facts in groups.items()
        for fact in facts
        if fact.differs
    ]
    commands = log_commands(then.environment, now.environment)
    if options.format == "json":
        same = {kind: [fact.name for fact in facts if not fact.differs] for kind, facts in groups.items()}
        print_json({"then": other.name, "now": ref.name, "differences": rows, "commands": commands, "same": same})
    else:
        print_rows(_columns(other, ref), rows, options.format)
    if options.format == "table":
        lines = [*commands, f"the same: {_same(groups) or 'nothing'}"]
        sys.stdout.write("".join(f"\n{harmless(line)}\n" for line in lines))
    for side in (then, now):
        for name in side.unknown():
            print_note(f"{side.ref.name} has no {name} that can be read")
    return 0


def _before(options: argparse.Namespace, ref: SessionRef) -> SessionRef:
    found = session_before(all_sessions(options, ref.path.parent), ref)
    if found is None:
        raise CommandError(f"no session {ref.prefix} before {ref.name}: give the one to compare it with, too")
    return found


def _facts(then: _Side, now: _Side) -> Iterator[tuple[str, Sequence[Fact]]]:
    """Yield the facts by kind; a file that is missing on one side says nothing."""
    environment = environment_facts(then.environment, now.environment) if then.environment and now.environment else []
    yield "environment", environment
    if then.packages and now.packages:
        reported = {fact.name.replace("_", "-") for fact in environment}
        packages = facts_of(then.packages, now.packages)
        yield "package", [fact for fact in packages if fact.name not in reported]
    yield "dataset", dataset_facts(*(read_records(side.ref.path)[0] for side in (then, now)))
    digests = facts_of(*({"digest": side.digest} if side.digest else {} for side in (then, now)))
    yield "config", [*digests, *(facts_of(then.config, now.config) if then.config and now.config else ())]


def _columns(then: SessionRef, now: SessionRef) -> Sequence[Column]:
    return (
        Column(key="kind", is_shown=False),
        Column(key="name", head="", show=_shown_name, is_text=True),
        Column(key="then", head=then.name, is_text=True),
        Column(key="now", head=now.name, is_text=True),
    )


def _shown_name(row: Mapping[str, Any]) -> str:
    """Return the name as it says by itself what it is: those of facts and datasets do."""
    return f"{row['kind']} {row['name']}" if row["kind"] in {"package", "config"} else str(row["name"])


def _same(groups: Mapping[str, Sequence[Fact]]) -> str:
    parts = []
    for kind, facts in groups.items():
        same = [fact for fact in facts if not fact.differs]
        if kind == "environment":
            parts += [fact.name for fact in same]
        elif kind == "config":
            parts += ["configuration"] if same and len(same) == len(facts) else []
        elif same:
            parts.append(counted(len(same), kind))
    return ", ".join(parts)
