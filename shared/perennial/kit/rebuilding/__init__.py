"""A service's tables against its topics: compared in memory, made anew beside them, switched, restored."""
