"""A made-up world of people who post: seeded, with storms, and with the truth of every post beside it."""

from infra.feeds.simulate.feed import SimulatedFeed
from infra.feeds.simulate.simulator import DEFAULT_RATE, Simulated, Simulator, rhythm, starter_topics

__all__ = ["DEFAULT_RATE", "Simulated", "SimulatedFeed", "Simulator", "rhythm", "starter_topics"]
