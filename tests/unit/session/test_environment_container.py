# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether this is a container: from files laid out as container runtimes do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.container import in_container

if TYPE_CHECKING:
    from pathlib import Path

OWN_NAMESPACE = "pid:[4026532201]"
FIRST_NAMESPACE = "pid:[4026531836]"


@pytest.mark.parametrize(
    ("files", "namespace", "environ", "expected"),
    [
        ({}, FIRST_NAMESPACE, {}, False),
        ({".dockerenv": ""}, FIRST_NAMESPACE, {}, False),  # a virtual machine made from an image
        ({".dockerenv": ""}, OWN_NAMESPACE, {}, True),
        ({".dockerenv": "", "proc/self/mounts": "overlay / overlay rw 0 0\n"}, FIRST_NAMESPACE, {}, True),
        ({"proc/self/mounts": "overlay / overlay rw 0 0\n"}, FIRST_NAMESPACE, {}, False),  # a live system
        ({}, OWN_NAMESPACE, {}, False),  # a sandbox such as a browser's or a build's
        ({"run/.containerenv": ""}, FIRST_NAMESPACE, {}, True),
        ({}, FIRST_NAMESPACE, {"container": "lxc"}, True),
        ({}, OWN_NAMESPACE, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True),
        ({}, FIRST_NAMESPACE, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, False),  # a node's own shell
        ({"proc/1/cgroup": "0::/kubepods/burstable/x\n"}, OWN_NAMESPACE, {}, True),
        ({".dockerenv": ""}, OWN_NAMESPACE, {"CURATOR_BENCH_IN_CONTAINER": "0"}, False),
        ({}, FIRST_NAMESPACE, {"CURATOR_BENCH_IN_CONTAINER": "1"}, True),
    ],
)
def test_a_container_is_told_by_more_than_one_sign(
    tmp_path: Path, files: dict[str, str], namespace: str, environ: dict[str, str], expected: bool
) -> None:
    """And the user has the last word."""
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    link = tmp_path / "proc/self/ns/pid"
    link.parent.mkdir(parents=True)
    link.symlink_to(namespace)
    assert in_container(environ, tmp_path) is expected
