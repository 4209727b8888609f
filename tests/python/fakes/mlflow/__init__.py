# SPDX-License-Identifier: MIT
"""What onic.forward uses of mlflow, kept in memory; test_trackers.py has the real one."""
