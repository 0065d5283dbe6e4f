# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The inspector program: looks at one cluster for the harness, which itself never loads Ray.

Run as ``python -m pytest_curator_bench.clusters.shared.inspector_program SOCKET`` with the variables of a script on
that cluster; its client is :mod:`pytest_curator_bench.clusters.shared.inspector`. It connects to the harness's socket
and answers one line of JSON with another:

- ``{"do": "inventory"}``: ``{"answer": …}`` with what an
  :class:`~pytest_curator_bench.clusters.shared.inspector.Inventory` is made from;
- ``{"do": "end_actors", "ids": […]}`` and ``{"do": "start_workers", "number": …}``: ``{"answer": null}``;
- whatever fails: ``{"error": "…"}``.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

from pytest_curator_bench.clusters.internals import ClusterState, MissingNameError

__all__: list[str] = []


def main(socket_path: str) -> None:
    """Serve until the harness closes the connection."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(socket_path)
    try:
        cluster = ClusterState(os.environ["RAY_ADDRESS"])
    except MissingNameError as error:
        sys.exit(str(error))
    with connection.makefile("rw", encoding="utf-8") as stream:
        for line in stream:
            stream.write(json.dumps(_answer(cluster, line)) + "\n")
            stream.flush()


def _answer(cluster: ClusterState, line: str) -> dict[str, Any]:
    request = json.loads(line)
    action = request.pop("do")
    try:
        return {"answer": getattr(cluster, action)(**request)}
    except Exception as error:  # whatever Ray raises, the harness has to hear of it
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main(sys.argv[1])
