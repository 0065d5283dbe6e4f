# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Scripts that run as jobs on a cluster elsewhere."""
