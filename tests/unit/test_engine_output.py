"""The engine's frames around a container's output: whatever way they are cut up, the output is whole and in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from infra.local.runner.engine import Output


class Body:
    """An answer's body that arrives in these pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self.content = self

    async def iter_any(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


@given(st.lists(st.binary(max_size=40), max_size=8), st.data())
def test_output_is_what_was_written_however_its_frames_are_cut(written: list[bytes], data: st.DataObject):
    framed = b"".join(
        bytes([1 + n % 2, 0, 0, 0]) + len(part).to_bytes(4, "big") + part for n, part in enumerate(written)
    )
    places = sorted(data.draw(st.lists(st.integers(0, len(framed)), max_size=10)))
    pieces = [framed[start:end] for start, end in zip([0, *places], [*places, len(framed)], strict=True)]
    taken: list[bytes] = []
    asyncio.run(Output(Body(pieces)).copy_to(taken.append))  # type: ignore[arg-type]
    assert b"".join(taken) == b"".join(written)
