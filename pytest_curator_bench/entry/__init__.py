# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""One entry from its plan to its result; knows nothing of pytest."""
