"""Servers that answer for ever, a byte at a time: a language model's, a policy's, of keys."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from connectors.opa.policy import OpaPolicy
from connectors.openai_compatible.calls import Endpoint
from connectors.openai_compatible.generator import OpenAICompatible
from connectors.tokens.keys import Keys
from processors.guard.decision import UNAVAILABLE
from processors.guard.proving import UnprovenError
from streams.flow.errors import Retry

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Long: "
DRIPS = {"headers": HEAD, "body": HEAD + b"x\r\nContent-Length: 100000\r\n\r\n{"}


@contextlib.contextmanager
def dripping(first: bytes) -> Iterator[str]:
    """A server that sends this, and then a byte now and then; its address."""
    done = threading.Event()

    def serve(server: socket.socket) -> None:
        while not done.is_set():
            with contextlib.suppress(OSError):
                client, _ = server.accept()
                threading.Thread(target=drip, args=(client,), daemon=True).start()

    def drip(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.recv(65536)
            client.sendall(first)
            while not done.wait(0.05):
                client.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            done.set()


@pytest.mark.parametrize("part", DRIPS)
def test_a_server_that_drips_costs_a_call_no_more_than_its_time(part: str) -> None:
    with dripping(DRIPS[part]) as url:
        model = OpenAICompatible(Endpoint(url, timeout_s=0.4), "m")
        for _ in range(2):  # the second on a line of its own
            began = time.monotonic()
            with pytest.raises(Retry, match=r"took more than 0\.4 s"):
                model.complete("i", "t", most_tokens=5)
            assert time.monotonic() - began < 1.5
        model.close()


@pytest.mark.parametrize("part", DRIPS)
def test_a_policy_that_drips_refuses_in_its_time(part: str) -> None:
    with dripping(DRIPS[part]) as url:
        policy = OpaPolicy(url, timeout_s=0.4)
        began = time.monotonic()
        assert policy.decide("ask", {}).rules == UNAVAILABLE
        assert time.monotonic() - began < 1.5
        policy.close()


@pytest.mark.parametrize("part", DRIPS)
def test_keys_that_drip_are_given_up_in_their_time(part: str) -> None:
    with dripping(DRIPS[part]) as url:
        began = time.monotonic()
        with pytest.raises(UnprovenError, match="keys-unavailable"):
            Keys(url, timeout_s=0.4).of("k1")
        assert time.monotonic() - began < 1.5
