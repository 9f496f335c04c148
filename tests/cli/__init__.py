"""The commands of `giftdesk`."""
