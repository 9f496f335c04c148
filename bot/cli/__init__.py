"""The commands of `giftdesk` that are more than a process: one module each, loaded only when its command is run."""
