# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What this machine, or the container that we are in, has and lets this process use."""
