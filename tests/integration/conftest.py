"""A Lambda service whose environments are processes for one run of a test, and containers for another."""

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.images import engine_is_missing, image_of
from tests.integration.lambdas import HANDLERS, Lab, lambda_service

Service = Callable[..., AbstractAsyncContextManager[Lab]]


@pytest.fixture(scope="session")
def handlers_image() -> Iterator[str]:
    """An image of this worker that holds the handlers."""
    if reason := engine_is_missing():
        pytest.skip(reason)
    with image_of(HANDLERS) as image:
        yield image


@pytest.fixture(params=["process", pytest.param("container", marks=pytest.mark.containers)])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Service:
    """``lambda_service`` with the one launcher, and with the other."""
    image = request.getfixturevalue("handlers_image") if request.param == "container" else ""
    return functools.partial(lambda_service, tmp_path, image=image)


@pytest.fixture
def containers(handlers_image: str, tmp_path: Path) -> Service:
    """``lambda_service`` with containers only."""
    return functools.partial(lambda_service, tmp_path, image=handlers_image)
