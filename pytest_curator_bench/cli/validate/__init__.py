# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What can be known of a configuration on this machine without running a benchmark; knows nothing of pytest."""
