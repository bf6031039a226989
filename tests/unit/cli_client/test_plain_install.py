import subprocess
import sys

SERVER_ONLY = {"asyncpg", "cryptography", "faststream", "litestar", "nats", "psycopg", "structlog", "uvicorn", "yoyo"}


def test_the_client_commands_need_nothing_of_the_server():
    """A plain install, without the extra `server`, is what 400 hosts have."""
    script = "import sys, cli.client; print('\\n'.join({name.partition('.')[0] for name in sys.modules}))"

    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()

    assert "aiohttp" in loaded
    assert SERVER_ONLY.isdisjoint(loaded)
