"""Data to messages: pure, and the only place where cards are composed."""
