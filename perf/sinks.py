#!/usr/bin/env python3
# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What sinks cost a session of ten entries: none, healthy ones, and ones that are all down or hanging.

    python -m perf.sinks

Every figure stands beside the run without sinks, in the same rounds; goal: at most 15 s more with all of them down.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from perf.compare import NOOP_SCRIPT, interleaved, project, pytest_command

ENTRIES = "".join(f"  - {{name: e{number}, script: script.py}}\n" for number in range(10))
HANGING_SINKS = """
import time
from pytest_curator_bench.sinks import Sink
class HangsAtFirst(Sink):
    def initialize(self, session_name, env_data): time.sleep(3600)
    def process_result(self, result): pass
class Hangs(Sink):
    def process_result(self, result): time.sleep(3600)
class HangsAtLast(Sink):
    def process_result(self, result): pass
    def finalize(self): time.sleep(3600)
class Fails(Sink):
    def process_result(self, result): raise ConnectionError("down")
"""


class Taker(BaseHTTPRequestHandler):
    """A webhook's receiver that takes everything."""

    def do_POST(self) -> None:
        """Take it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def timed(root: Path) -> float:
    """Wall time of the session in ``root``, in seconds."""
    begun = time.perf_counter()
    done = subprocess.run(
        pytest_command("--bench-config", "config.yaml"), cwd=root, capture_output=True, text=True, check=False
    )
    taken = time.perf_counter() - begun
    if done.returncode != 0:
        raise SystemExit(f"exit status {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="rounds to take the median of")
    repeat = parser.parse_args().repeat
    silent = socket.create_server(("127.0.0.1", 0))  # accepts, and never answers
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def webhook(port: int) -> str:
        return f"  - {{name: webhook, url: 'http://127.0.0.1:{port}/', secret: not-a-secret}}\n"

    silent_url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    services = f"  - {{name: mlflow, tracking_uri: '{silent_url}'}}\n"
    services += f"  - {{name: slack, bot_token: xoxb-none, channel_id: C0123456789, api_url: '{silent_url}/api/'}}\n"
    own = "".join(
        f"  - {{name: {name}, class: 'hanging:{name}'}}\n" for name in ("HangsAtFirst", "Hangs", "HangsAtLast", "Fails")
    )
    sinks = {
        "none": "",
        "healthy": f"sinks:\n  - {{name: jsonl}}\n  - {{name: csv}}\n{webhook(server.server_port)}",
        "down": f"sinks:\n{webhook(silent.getsockname()[1])}{services}{own}",
    }
    with tempfile.TemporaryDirectory(prefix="curator-bench-perf-") as directory:
        roots = {}
        for name, text in sinks.items():
            roots[name] = project(Path(directory), name, ENTRIES + text, NOOP_SCRIPT)
            (roots[name] / "hanging.py").write_text(HANGING_SINKS)
        medians = interleaved(repeat, **{name: (lambda root=root: timed(root)) for name, root in roots.items()})
    print(f"10 entries without sinks: {medians['none']:.2f} s")
    print(f"with jsonl, csv and webhook: {medians['healthy'] - medians['none']:+.2f} s")
    more_s = medians["down"] - medians["none"]
    print(f"with seven sinks that hang or fail, mlflow and slack among them: {more_s:+.2f} s (goal: at most +15)")
    server.shutdown()
    silent.close()


if __name__ == "__main__":
    main()
