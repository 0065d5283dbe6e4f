# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What an entry uses while it runs, and what else goes on on its machine."""
