# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What people read: on the terminal, in JUnit XML, in a dry run."""
