# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``python -m pytest_curator_bench.script.post_mortem SCRIPT ARGS``: run a script, and open pdb where it raises.

Unlike ``python -m pdb -c continue`` it runs the script once, and ends as the script does.
"""

from __future__ import annotations

import os
import pdb
import runpy
import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run the script that the first argument names, as ``python SCRIPT ARGS`` does.

    Returns:
        0, or 1 after the debugger; the script's own exits are raised.
    """
    script = arguments[0]
    sys.argv[:] = arguments
    sys.path[0] = os.path.dirname(os.path.realpath(script))  # noqa: PTH120  # as Python does
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:
        trace = _from_script(error.__traceback__, script)
        traceback.print_exception(error.with_traceback(trace))
        if trace is not None:
            sys.stderr.write("\npdb at the failure: u and d move, p prints, q ends\n")
            sys.stderr.flush()
            _post_mortem(trace, os.path.dirname(script))  # noqa: PTH120  # as written, as in the frames
        return 1
    return 0


def _post_mortem(trace: TracebackType, script_dir: str) -> None:
    """Open pdb where the script's own code stood, which may be above the frames of a library."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(trace)]
    above = next(depth for depth, file in enumerate(reversed(files)) if os.path.dirname(file) == script_dir)  # noqa: PTH120
    debugger = pdb.Pdb()
    debugger.reset()
    if above:
        debugger.cmdqueue.append(f"up {above}")
    debugger.interaction(None, trace)


def _from_script(trace: TracebackType | None, script: str) -> TracebackType | None:
    """Return the part of a traceback that begins in the script; none of a script that Python can't compile."""
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    return trace


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
