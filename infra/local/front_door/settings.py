"""What the front door is told: where to listen, and what lies behind it."""

from pathlib import Path
from typing import Annotated

from pydantic import AnyUrl, Field, UrlConstraints

from barometer.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]

HttpUrl = Annotated[AnyUrl, UrlConstraints(allowed_schemes=["http", "https"])]
SocketUrl = Annotated[AnyUrl, UrlConstraints(allowed_schemes=["ws", "wss", "http", "https"])]


class FrontDoorSettings(Settings):
    """The addresses on both sides of the door."""

    front_door_host: str = Field(default="127.0.0.1", description="interface to listen on")
    front_door_port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes any")
    http_api_url: HttpUrl = Field(description="address of the HTTP API; /api/… is appended to it")
    socket_api_url: SocketUrl = Field(description="address of the WebSocket API, its stage included")
    dashboard_dir: Path = Field(default=REPOSITORY / "frontend" / "dist", description="the built dashboard")
    front_door_sockets: int = Field(default=1000, ge=1, description="sockets open at once; more are refused with 503")
