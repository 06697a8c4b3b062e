"""Everything an operator edits, its schema and its loader, and the shipped defaults."""
