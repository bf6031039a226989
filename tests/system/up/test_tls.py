"""`keepwatch up` with a certificate of one's own making: everything that it starts and writes knows it."""

import ipaddress
import signal
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "keepwatch")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number()).not_valid_before(now)
    signed = (
        builder.not_valid_after(now + timedelta(days=1)).add_extension(here, critical=False).sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return folder


def test_with_a_certificate_the_gateway_the_client_and_the_agents_speak_tls(start, certificate):
    up = start("--demo", "--tls-cert", str(certificate / "cert.pem"), "--tls-key", str(certificate / "key.pem"))

    assert up.ready() == f"https://127.0.0.1:{up.port}"
    assert up.line("✓ agent-web-01")
    outcome = up.run("hosts", "list")
    assert outcome.returncode == 0, outcome.stderr
    assert "web-01" in outcome.stdout
    assert up.end(signal.SIGTERM) == 0
