# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``python -m pytest_curator_bench`` is ``curator-bench``."""

import sys

# Python looks for modules in the working directory first, which may be a stranger's session; the script doesn't either.
if not sys.flags.safe_path:
    del sys.path[0]

from pytest_curator_bench.cli import main

sys.exit(main())
