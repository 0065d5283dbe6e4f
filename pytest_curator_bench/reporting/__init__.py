# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What people read of results, on the terminal of pytest and of `curator-bench`."""
