"""Stand-ins of LINE, Messenger, Instagram, MantaGo, Poshen, Got It and Altegio on one loopback port.

`python -m sandbox` serves them; `python -m sandbox.terminal` is a phone in a terminal. Tests use
`async with Sandbox.running() as sandbox:`. The bot knows nothing of this package, and it nothing of the bot.
"""

from sandbox.credentials import environment
from sandbox.phone import Phone, Webhook
from sandbox.server import Sandbox

__all__ = ["Phone", "Sandbox", "Webhook", "environment"]
