"""The database: its schema, what is kept and what is forgotten."""
