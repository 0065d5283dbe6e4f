# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What ``tasks.pkl`` holds: read without running it, summed up per stage."""
