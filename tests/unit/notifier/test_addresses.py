from ipaddress import ip_address, ip_network

import pytest

from services.notifier.addresses import AddressNotAllowedError, guarded_sockets, is_allowed

FORBIDDEN = """
127.0.0.1 127.8.8.8 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 169.254.1.1 100.64.0.1 100.100.100.200
224.0.0.1 239.1.1.1 0.0.0.0 255.255.255.255 240.0.0.1 192.0.0.192 192.0.2.1 198.18.0.1 168.63.129.16
::1 :: fe80::1 fe80::1%1 fc00::1 fd00:ec2::254 ff02::1 fec0::1 2001:db8::1
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 64:ff9b:1::808:808
2002:7f00:1:: 2002:a9fe:a9fe:: 2001:0:7f00:1::1
"""


@pytest.mark.parametrize("address", FORBIDDEN.split())
def test_what_is_not_public_is_not_reached(address):
    assert not is_allowed(ip_address(address), [])


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]
)
def test_what_is_public_is_reached(address):
    assert is_allowed(ip_address(address), [])


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_a_network_that_a_setting_names_is_reached_in_every_form(address):
    assert is_allowed(ip_address(address), [ip_network("127.0.0.0/8")])


def test_a_network_of_the_other_family_allows_nothing():
    assert not is_allowed(ip_address("127.0.0.1"), [ip_network("::/0")])


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254"])
def test_metadata_is_reached_only_when_listed_by_itself(address):
    assert not is_allowed(ip_address(address), [ip_network("169.254.0.0/16"), ip_network("fc00::/7")])
    assert is_allowed(ip_address(address), [ip_network(address)])


def test_the_socket_to_a_forbidden_address_is_never_made():
    with pytest.raises(AddressNotAllowedError, match=r"127\.0\.0\.1 is not allowed"):
        guarded_sockets([])((2, 1, 6, "", ("127.0.0.1", 80)))
