"""The poller's settings: those of every process, and its own."""

import socket

from pydantic import Field, SecretStr

from barometer.settings import Settings


class PollerSettings(Settings):
    """What the poller needs to know, as ``BAROMETER_*`` variables."""

    redis_url: SecretStr = Field(min_length=1, description="redis://, rediss://, unix:// or redis+cluster:// URL")
    lambda_endpoint: str = Field(default="", description="URL of the Lambda API; empty: AWS_ENDPOINT_URL, else AWS")
    invoke_timeout_seconds: float = Field(
        default=120.0, gt=0, le=930, description="how long one call may take; longer than any function's timeout"
    )
    invoke_concurrency: int = Field(default=64, ge=1, le=1_000, description="most calls in flight, of all pipes")
    consumer_name: str = Field(
        default_factory=socket.gethostname,
        pattern=r"^[A-Za-z0-9_.-]{1,100}$",
        description="start of the consumer's name; each process adds its own end",
    )
    lease_seconds: float = Field(
        default=10.0, ge=0.3, le=900, description="how long after a poller's last sign its records may be taken over"
    )
    drain_seconds: float = Field(
        default=25.0, ge=0, le=900, description="how long SIGTERM waits for what is in flight; Fargate kills after 30"
    )
    retry_base_seconds: float = Field(default=0.2, gt=0, le=60, description="most that a first retry waits")
    retry_cap_seconds: float = Field(default=30.0, gt=0, le=900, description="most that any retry waits")
    metrics_host: str = Field(default="127.0.0.1", description="address of /metrics and /healthz")
    metrics_port: int = Field(default=9464, ge=0, le=65_535, description="port of /metrics and /healthz; 0: any")
    cloudwatch_seconds: float = Field(
        default=0,
        ge=0,
        le=3_600,
        description="how often lag, oldest age and dead letters are printed for CloudWatch; 0: never",
    )
