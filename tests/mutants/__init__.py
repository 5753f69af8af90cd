"""Planted faults: the storm must turn red for each of them, or its silence would mean nothing."""
