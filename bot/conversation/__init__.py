"""What a conversation is made of: events in, messages out, and the router between them."""
