"""The poller's Lua scripts: each read once, sent once to a Redis, then called by its hash (and sent again if asked)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from redis.typing import EncodableT

    from barometer.stores.redis import AsyncClient

NAMES = ("commit", "lease", "takeover", "tidy")


class Scripts:
    """Every script, bound to one client. Each file says what it takes and gives."""

    def __init__(self, client: "AsyncClient") -> None:
        self._scripts = {
            name: client.register_script(Path(__file__).with_name(f"{name}.lua").read_text(encoding="utf-8"))
            for name in NAMES
        }

    async def run(self, name: str, keys: Sequence[str], arguments: "Sequence[EncodableT]") -> list[object]:
        """Call script ``name``. Raises ``redis.RedisError``."""
        return cast("list[object]", await self._scripts[name](keys=keys, args=arguments))


def as_names(part: object) -> list[str]:
    """Part of a script's reply that is a list of strings; Redis does not type it."""
    return [name.decode() for name in cast("list[bytes]", part)]


def as_number(part: object) -> int:
    """Part of a script's reply that is a whole number."""
    return cast("int", part)
