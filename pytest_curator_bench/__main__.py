# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``python -m pytest_curator_bench`` is ``curator-bench``."""

import sys

from pytest_curator_bench.cli import main

sys.exit(main())
