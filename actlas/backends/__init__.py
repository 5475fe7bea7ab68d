"""Floor 3: one file per language. Knows primitives, never which function it computes."""
