"""Staff commands: driven through the chat, as staff and outsiders do."""
