"""Which lead goes to which seller: one optimal decision over all that wait. Pure numbers, no I/O."""
