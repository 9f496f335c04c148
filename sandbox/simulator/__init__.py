"""Three phones in a browser page, LINE, Messenger and Instagram, in front of the sandbox and the running bot.

What is typed or tapped there becomes a signed webhook; what is shown there is what the bot sent to the
sandbox's APIs. `python -m sandbox --simulator PORT --bot URL` serves it, on loopback only.
"""

from sandbox.simulator.server import Simulator

__all__ = ["Simulator"]
