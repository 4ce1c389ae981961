"""Doors with a certificate before the tests' servers, whose packaged builds speak no TLS of their own."""

import asyncio
import contextlib
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import trustme

PATIENCE_SECONDS = 30.0
_SSL, _GSS = 80877103, 80877104  # the first words of a Postgres client that wants to encrypt
_Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Authority:
    """Somebody who signs certificates for this machine; who trusts ``file`` trusts them."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.file = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.file))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(self.context)


@dataclass
class Door:
    """Where to knock, and who has come in."""

    port: int
    passwords: list[str] = field(default_factory=list)


@contextlib.contextmanager
def redis_door(authority: Authority, socket: Path | int) -> Iterator[Door]:
    """TLS before the Redis on a unix socket, or on a port of loopback."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = asyncio.open_connection("127.0.0.1", socket) if isinstance(socket, int) else None
        upstream = await (ends or asyncio.open_unix_connection(str(socket)))
        await _relay((reader, writer), upstream)

    with _served(serve, authority.context) as port:
        yield Door(port)


@contextlib.contextmanager
def postgres_door(authority: Authority, socket: Path, judge: Callable[[str, str], bool]) -> Iterator[Door]:
    """What RDS Proxy is to a client: TLS or nothing, no startup options, and a token for a password.

    ``judge(user, password)`` says who comes in. Behind it is the Postgres on a unix socket, which trusts everybody.
    """
    door = Door(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length, code = struct.unpack("!II", await reader.readexactly(8))
        while code == _GSS:
            writer.write(b"N")
            length, code = struct.unpack("!II", await reader.readexactly(8))
        if code != _SSL:
            _refuse(writer, "This RDS Proxy requires TLS connections")
            return
        writer.write(b"S")
        await writer.start_tls(authority.context)
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        startup = await reader.readexactly(length - 4)
        words = startup[4:].decode().split("\0")
        said = dict(zip(words[::2], words[1::2], strict=False))
        if "options" in said:
            _refuse(writer, "Feature not supported: RDS Proxy currently doesn't support command-line options.")
            return
        writer.write(b"R" + struct.pack("!II", 8, 3))  # a password, please
        kind, length = struct.unpack("!cI", await reader.readexactly(5))
        assert kind == b"p"
        password = (await reader.readexactly(length - 4)).rstrip(b"\0").decode()
        door.passwords.append(password)
        if not judge(said["user"], password):
            _refuse(writer, "The IAM authentication failed for the role")
            return
        upstream = await asyncio.open_unix_connection(str(socket))
        upstream[1].write(struct.pack("!I", len(startup) + 4) + startup)
        await _relay((reader, writer), upstream)

    with _served(serve, None) as door.port:
        yield door


def _refuse(writer: asyncio.StreamWriter, why: str) -> None:
    fields = b"SFATAL\0C28000\0M" + why.encode() + b"\0\0"
    writer.write(b"E" + struct.pack("!I", len(fields) + 4) + fields)


async def _relay(
    one: tuple[asyncio.StreamReader, asyncio.StreamWriter], other: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while sent := await reader.read(65_536):
                writer.write(sent)
                await writer.drain()
        writer.close()

    await asyncio.gather(pass_on(one[0], other[1]), pass_on(other[0], one[1]))


@contextlib.contextmanager
def _served(handler: _Handler, context: ssl.SSLContext | None) -> Iterator[int]:
    """Serve on a port of loopback, from a thread of its own, until the block ends."""
    ready, ports = threading.Event(), []
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):  # whoever knocks may go at any moment
            await handler(reader, writer)
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await done.wait()
        server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=[run()], daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_SECONDS)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(PATIENCE_SECONDS)
        loop.close()
