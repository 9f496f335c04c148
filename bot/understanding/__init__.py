"""What people write: messages, their words and codes, what they sound like; opening hours. Pure.

See docs/understanding.md.
"""
