"""The HTTP server: uvicorn, started and stopped by us."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from services.api.outermost import AsgiApp
from services.api.settings import Settings
from shared.environment import SettingError

STOP_SECONDS = 4
MOST_FRAME_BYTES = 4 * 1024 * 1024


class Server(uvicorn.Server):
    """Leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def bind(address: str, port: int) -> socket.socket:
    """A socket that has the port and does not listen yet; a sentence when that is not possible."""
    taken = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((address, port))
    except OSError as error:
        taken.close()
        raise SettingError(f"Cannot listen on {address} port {port}: {error.strerror}.") from None
    return taken


async def serve(app: AsgiApp, bound: socket.socket, settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop`; what is under way then has some seconds to end."""
    server = Server(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=MOST_FRAME_BYTES,
            ws_per_message_deflate=False,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
            timeout_graceful_shutdown=STOP_SECONDS,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopped.cancel()
    await serving
