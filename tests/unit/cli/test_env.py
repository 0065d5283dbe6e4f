# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench env``: what two sessions ran on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.commands import data, errors, shown

if TYPE_CHECKING:
    import pytest

    from tests.support.past_sessions import PastSessions

CONFIG = """
results_dir: /r
entries:
- name: a
  args: [--limit, 20]
  ray: {{num_cpus: {cpus}}}
- {{name: b, timeout_s: 600}}
"""


def night(nights: PastSessions, *, cpus: int, pandas: str, digest: str, **changes: Any) -> str:
    """A session with all files that tell what it ran on."""
    nights.environment = {**nights.environment, **changes}
    datasets = [{"name": "cc", "content_digest": digest * 64}, {"name": "wiki", "content_digest": "e" * 64}]
    name = nights.add({"a": {"exec_time_s": 1.0, "datasets": datasets}})
    directory = nights.results_dir / name
    (directory / "packages.txt").write_text(f"pandas=={pandas}\nray==2.{cpus}.0\nrich==14.0\n")
    (directory / "config.yaml").write_text(CONFIG.format(cpus=cpus))
    summary = json.loads((directory / "session.json").read_text())
    (directory / "session.json").write_text(json.dumps({**summary, "config_digest": f"{cpus}" * 64}))
    return name


def test_what_differs(nights: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Versions, commits with the line that shows them, packages, datasets, configuration; the rest by name."""
    first = night(nights, cpus=4, pandas="2.3.1", digest="a", git={"commit": "ef44563" + "0" * 33, "dirty": True})
    second = night(
        nights,
        cpus=6,
        pandas="2.3.2",
        digest="b",
        git={"commit": "9bada1a" + "0" * 33, "dirty": False},
        versions={**nights.environment["versions"], "ray": "2.61.0"},
        kernel="6.8",
    )
    lines = [" ".join(line) for line in shown(capsys, "env")]
    assert lines == [
        f"{first} {second}",
        "─" * len(lines[1]),
        "ray 2.60.0 2.61.0",
        "project commit ef44563 with changes 9bada1a",
        "kernel - 6.8",
        "package pandas 2.3.1 2.3.2",
        "dataset cc aaaaaaaaaaaa bbbbbbbbbbbb",
        "config digest 444444444444 666666666666",
        "config entries[a].ray.num_cpus 4 6",
        "",
        "git log --oneline ef44563..9bada1a # project",
        "",
        "the same: python, nemo_curator, host, CPU model, cores, memory, GPUs, 1 package, 1 dataset",
    ]
    report = data(capsys, "env", "latest", "latest~1")
    assert (report["then"], report["now"]) == (second, first)
    assert report["differences"][0] == {"kind": "environment", "name": "ray", "then": "2.61.0", "now": "2.60.0"}
    assert report["same"]["package"] == ["rich"]


def test_nothing_differs(nights: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """One line; sessions of other names are none before."""
    night(nights, cpus=4, pandas="1", digest="a")
    nights.add({"a": 1.0}, name="try")
    night(nights, cpus=4, pandas="1", digest="a")
    ((first, *rest),) = shown(capsys, "env")[1:]
    assert [first, *rest][:2] == ["the", "same:"]
    assert " ".join(rest).endswith("GPUs, 2 packages, 2 datasets, configuration")


def test_what_is_not_known(nights: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Files that are not there make no differences, and are named."""
    night(nights, cpus=4, pandas="1", digest="a")
    name = nights.add({"a": 1.0})
    text = errors(capsys, "env", "latest~1", "latest", status=0)
    assert text.splitlines() == [
        f"{name} has no packages.txt that can be read",
        f"{name} has no config.yaml that can be read",
    ]
    assert errors(capsys, "env", "latest~1").startswith("no session nightly before nightly__2026-01-01")
    assert errors(capsys, "env", "a", "b", "c") == "found 3 selectors, expected at most two\n"
