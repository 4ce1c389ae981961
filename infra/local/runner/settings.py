"""What the runner is told from outside; everything about a function itself it reads from the deployed stack."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from barometer.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]


class RunnerSettings(Settings):
    """Where to listen, where the functions are declared, and how patient to be."""

    runner_host: str = Field(default="127.0.0.1", description="interface that Invoke is served on")
    runner_port: int = Field(default=9001, ge=0, le=65535, description="port that Invoke is served on; 0 takes any")
    cloud_endpoint: str = Field(
        default="http://127.0.0.1:4566",
        description="endpoint of the emulated AWS: functions are declared there, and call AWS there",
    )
    cloud_region: str = Field(default="us-east-1", description="region of the deployed stack")
    task_root: Path = Field(default=REPOSITORY, description="folder that holds the functions' code")
    runner_launcher: Literal["process", "container"] = Field(
        default="process", description="what an environment is: a process, or a container of the function's image"
    )
    docker_host: str = Field(
        default="",
        validation_alias="DOCKER_HOST",
        description="of the Docker engine; empty: unix:///var/run/docker.sock",
    )
    runner_id: str = Field(
        default="",
        pattern=r"^([a-zA-Z0-9][a-zA-Z0-9_.-]*)?$",
        description="marks this runner's containers; empty: the compose project, or the name of its own container",
    )
    runner_container: str = Field(
        default="", description="name or id of the container that the runner is in; empty: it finds out"
    )
    runner_network: str = Field(
        default="", description="Docker network of the functions; empty: the runner's own first one, or Docker's bridge"
    )
    runner_settings_seconds: float = Field(
        default=15, gt=0, description="how old a function's settings may get before they are read again"
    )
    runner_forget_seconds: float = Field(
        # An emulator that was killed comes back without its functions until they are deployed again.
        default=60,
        ge=0,
        description="how long a function must be missing from the deployed stack before it counts as deleted",
    )
    runner_init_seconds: float = Field(
        # Lambda gives 10 s and the request's own timeout after that; a busy laptop imports more slowly than Lambda.
        default=60,
        gt=0,
        description="how long a function may take to start",
    )
    runner_idle_seconds: float = Field(
        default=300, gt=0, description="an environment idle for longer is stopped, but for the last of its function"
    )
    runner_concurrency: int = Field(
        default=2, ge=1, le=100, description="environments of a function that reserves no concurrency"
    )
    runner_event_queue: int = Field(
        default=1000, ge=0, description="asynchronous requests that may wait or run at once; more are refused"
    )
    runner_event_retry_seconds: float = Field(
        default=60, gt=0, description="wait before an asynchronous request that failed is tried again; then twice that"
    )
    runner_stop_seconds: float = Field(
        # Not 0, which aiohttp takes for "for ever".
        default=3,
        gt=0,
        le=60,
        description="how long requests in flight may take to finish when the runner is stopped",
    )
