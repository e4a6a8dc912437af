"""A parser that a file has taken over: what it can reach."""

from __future__ import annotations

import socket
import subprocess
import sys

CODE = """
import socket, sys
from connectors.converters.child import without_network
allowed = without_network()
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2).close()
    print(allowed, "connected")
except OSError as error:
    print(allowed, "refused")
"""


def test_a_converter_reaches_no_server_where_the_host_lets_it_be_shut_in() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", CODE, port], capture_output=True, text=True, timeout=60
        )
    shut_in, reached = done.stdout.split()
    for flags in (["-n"], ["-rn"]):  # does the host let anybody?
        possible = subprocess.run(["unshare", *flags, "true"], capture_output=True).returncode == 0
        if possible:
            break
    assert (shut_in == "True") == possible, done.stderr
    assert reached == ("refused" if possible else "connected")
