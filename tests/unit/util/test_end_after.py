# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The limit of the whole test run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_what_hangs_is_ended() -> None:
    """Also where signals are ignored, as in the background of a shell."""
    program = (
        "import signal, time\n"
        "from tests.support.processes import end_after\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "end_after(0.1, print)\n"
        "time.sleep(600)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
