"""A pool of environments that was closed."""

from pathlib import Path

import pytest

from infra.local.runner.errors import UnavailableError
from infra.local.runner.functions import Function
from infra.local.runner.invocation import Invocation
from infra.local.runner.pool import Pool
from infra.local.runner.processes import ProcessLauncher


async def test_a_pool_that_was_closed_starts_nothing_for_a_request_that_is_still_there(tmp_path: Path) -> None:
    """Its environment was stopped before it saw the request; the next one would outlive the runner."""
    launcher = ProcessLauncher(tmp_path, region="us-east-1", endpoint="http://127.0.0.1:9")
    function = Function(name="echo", arn="arn:aws:lambda:us-east-1:000000000000:function:echo", handler="app.handler")
    pool = Pool(function, launcher, lambda _: None, init_seconds=10, concurrency=1)
    await pool.close()

    with pytest.raises(UnavailableError, match="the runner is stopping"):
        await pool.invoke(Invocation(b"{}"))
    assert len(pool) == 0
