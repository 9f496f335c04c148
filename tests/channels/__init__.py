"""The channels: what comes in, how answers are drawn, and how they are sent."""
