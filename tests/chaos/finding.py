"""What the judge says: one broken promise."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise.

    Args:
        kind: ``lost``, ``doubled``, ``wrong`` (there, but not as planned), ``counter``, ``rollup``, ``alert`` or
            ``pending``.
        text: a sentence that names what it is about.
        off: by how much a counter or a rollup is off.
    """

    kind: str
    text: str
    off: int = 1

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"
