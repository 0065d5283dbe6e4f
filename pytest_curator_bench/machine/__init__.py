# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The machine, or container: its hardware, limits, activity and processes."""
