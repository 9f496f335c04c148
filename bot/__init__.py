"""Giftdesk: a rewards desk inside LINE and Messenger."""

__version__ = "0.1.0"
