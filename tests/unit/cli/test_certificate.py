"""A server with a certificate of its own making, and clients that know it by the profile."""

import json
import ssl
from datetime import UTC, datetime, timedelta

import click
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cli.client.api import connect
from cli.client.problems import Unreachable
from cli.client.profile import Access, find_access
from cli.client.tls import trust
from cli.up.gateway import answers_ready
from cli.up.profile import write_profile


def self_signed(folder, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    signed = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    certificate = folder / f"{name}.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.key").write_bytes(private)
    return certificate


async def answer(request):
    return web.json_response({"items": []})


@pytest.fixture
async def server(tmp_path):
    certificate = self_signed(tmp_path, "keepwatch")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    app = web.Application()
    app.add_routes([web.get("/readyz", answer), web.get("/api/v1/hosts", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    yield Access(f"https://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", "kw_token", certificate)
    await runner.cleanup()


async def test_the_profile_leads_to_the_certificate(server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    write_profile(server)

    async with connect(find_access(None, None)) as api:
        assert await api.get("/hosts") == {"items": []}
    assert await answers_ready(server.server, trust(server.certificate))


async def test_another_certificate_is_not_trusted(server, tmp_path):
    stranger = Access(server.server, server.token, self_signed(tmp_path, "stranger"))

    async with connect(stranger) as api:
        with pytest.raises(Unreachable):
            await api.get("/hosts")


def test_a_file_without_a_certificate_is_one_sentence(tmp_path):
    (tmp_path / "profile.json").write_text(json.dumps({}))

    with pytest.raises(click.ClickException, match="no certificate to read"):
        trust(tmp_path / "profile.json")
