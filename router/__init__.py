"""Evidence in, decision out: pure and told the time, without I/O."""
