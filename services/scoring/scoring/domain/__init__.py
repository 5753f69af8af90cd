"""Pure rules of scoring: standard library and contracts only."""
