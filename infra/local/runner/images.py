"""Which build of a function's image is meant: so that one that was built again is noticed as a changed setting is."""

import dataclasses
from typing import Any

from infra.local.runner.engine import Engine, EngineError
from infra.local.runner.errors import UnavailableError
from infra.local.runner.functions import Function, FunctionSource


class BuiltImages:
    """The functions of another source, each with the id of its image.

    Args:
        source: where functions are declared.
        engine: that has the images.
    """

    def __init__(self, source: FunctionSource, engine: Engine) -> None:
        self._source = source
        self._engine = engine

    async def find(self, name: str) -> Function:
        """See ``FunctionSource.find``. One whose image was not built is found; starting it says what is amiss."""
        function = await self._source.find(name)
        if not function.image:
            return function
        try:
            image: dict[str, Any] = await self._engine.call("GET", f"/images/{function.image}/json")
        except EngineError as error:
            if error.status == 404:
                return function
            raise UnavailableError(f"cannot tell the image of {name}: {error}") from error
        return dataclasses.replace(function, image_id=image["Id"])
