# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Progress of a session that runs, from its files alone: for the live view and ``curator-bench watch``."""
