"""A grammar that composes sentences: rules name choices, choices name rules, and a random number generator decides.

``{name}`` in a choice stands for a rule. Rules are compiled when the grammar is made, and a rule that is named but
missing, or that leads back to itself, fails there and not while a feed runs.
"""

import re
from collections.abc import Sequence
from random import Random

Rules = dict[str, Sequence[str]]

_SLOT = re.compile(r"\{([a-z_.]+)\}")


class Grammar:
    """Compiled rules.

    Args:
        rules: for each name its choices; repeating a choice makes it likelier.

    Raises:
        ValueError: a choice names a missing rule, or a rule can lead back to itself.
    """

    def __init__(self, rules: Rules) -> None:
        # re.split with one group gives text, name, text, name, …, text.
        self._rules = {name: tuple(tuple(_SLOT.split(choice)) for choice in choices) for name, choices in rules.items()}
        for name in self._rules:
            self._check(name, ())

    def _check(self, name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"rule {name!r} leads back to itself: {' > '.join(path)}")
        if not self._rules.get(name):
            raise ValueError(f"rule {name!r}, named by {path[-1] if path else 'nobody'}, has no choices")
        for choice in self._rules[name]:
            for slot in choice[1::2]:
                self._check(slot, (*path, name))

    def compose(self, name: str, random: Random) -> str:
        """One text for the rule ``name``. Raises ``KeyError`` if there is no such rule."""
        choices = self._rules[name]
        choice = choices[int(random.random() * len(choices))]
        if len(choice) == 1:
            return choice[0]
        return "".join(self.compose(part, random) if i % 2 else part for i, part in enumerate(choice))
