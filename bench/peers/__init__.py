"""What the bot is measured against: the usual ways to build the same, in as few lines as they take."""
