# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What people see on the terminal: live view, summary, failures, dry run."""
