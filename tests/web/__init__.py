"""The web process: what is accepted, stored and said back."""
