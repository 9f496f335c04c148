"""What a message means: reading it, its words, its codes, what it sounds like. Pure; see docs/understanding.md."""
