"""The times in real certificates, made by OpenSSL; what is none is refused, never a crash."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.observe.certificate import validity

NODE = """
-----BEGIN CERTIFICATE-----
MIIBwjCCAWegAwIBAgIUJt68RHWRixjFFfeZCEO91xXGDBwwCgYIKoZIzj0EAwIw
NjEOMAwGA1UECgwFc3dhcm0xFTATBgNVBAsMDHN3YXJtLXdvcmtlcjENMAsGA1UE
AwwEbm9kZTAeFw0yNjExMjYwOTUzMzlaFw0yNzAyMjQwOTUzMzlaMDYxDjAMBgNV
BAoMBXN3YXJtMRUwEwYDVQQLDAxzd2FybS13b3JrZXIxDTALBgNVBAMMBG5vZGUw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT9tXC2ykUmZKQO868x8d9OuQaAGHwT
UCgH7mPEcHroHNDC9od/JAOzURKS6uiu4IHYm4FhvTRAHvTFqRjxFa2Zo1MwUTAd
BgNVHQ4EFgQU9Oavo9w85KkVQq3ABVmNCQb3OrIwHwYDVR0jBBgwFoAU9Oavo9w8
5KkVQq3ABVmNCQb3OrIwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBG
AiEAtM53cV+OTuQFeLbgld86t5/343r6s1futWDM1D7l0+kCIQCbXtB1Y0av794h
hjlp8meJxzy2u+9OvrVtWo4JiP/vnA==
-----END CERTIFICATE-----
"""
UNTIL_2054 = """
-----BEGIN CERTIFICATE-----
MIIBdjCCARugAwIBAgIUfIYDe2FPS/7EJWYdEJ0zFV/kqlYwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEbm9kZTAgFw0yNjExMjYwOTUzNDBaGA8yMDU0MDQxMzA5NTM0
MFowDzENMAsGA1UEAwwEbm9kZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABC/9
lFG2VxZKUJNouwS4P4u/uHqQaq55jAKva1OPdlrZm3YV1lIhwCQsAoF20JX1N4eg
qJ6SIM7+40TSeg4cgGijUzBRMB0GA1UdDgQWBBTVIsYt3BCq0aw+qgjaTu2f2qdo
PDAfBgNVHSMEGDAWgBTVIsYt3BCq0aw+qgjaTu2f2qdoPDAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQDK9UlnjkrECUbwqj7PsbqG2myRUZE6UA6t
+IRcsJ8wRgIhAMGpBdN+TNpCRWFmcWw9CYkDVgDCHqLcbPoNm1/cJgCQ
-----END CERTIFICATE-----
"""
SINCE = datetime(2026, 11, 26, 9, 53, 39, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pem", "until"),
    [
        (NODE, datetime(2027, 2, 24, 9, 53, 39, tzinfo=UTC)),
        (UNTIL_2054, datetime(2054, 4, 13, 9, 53, 40, tzinfo=UTC)),
    ],
)
def test_from_when_to_when(pem: str, until: datetime) -> None:
    found = validity(pem)
    assert found.until == until
    assert abs((found.since - SINCE).total_seconds()) < 2


def test_the_first_of_a_chain_counts() -> None:
    assert validity(f"Filesystem 1024-blocks\n{NODE}{UNTIL_2054}") == validity(NODE)


@pytest.mark.parametrize("text", ["", "cat: swarm-node.crt: Permission denied"])
def test_no_certificate(text: str) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        validity(text)


@given(st.binary(max_size=200))
def test_whatever_is_damaged_is_refused(data: bytes) -> None:
    """Or gives some times by chance, and never anything else."""
    text = base64.b64encode(data).decode()
    with contextlib.suppress(ValueError):
        validity(f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----")


@pytest.mark.parametrize("cut", range(1, 300, 7))
def test_one_that_is_cut_short_is_refused(cut: int) -> None:
    body = "".join(NODE.strip().splitlines()[1:-1])
    data = base64.b64decode(body)[:cut]
    text = base64.b64encode(data).decode()
    with contextlib.suppress(ValueError):
        found = validity(f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----")
        assert found == validity(NODE)
