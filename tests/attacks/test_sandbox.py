"""A parser that a file has taken over: what it can reach."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from connectors.converters import shut_in

CODE = """
import socket, sys
from connectors.converters.shut_in import without_network
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


AS_NOBODY = """
import os, sys
from shut_in import as_nobody
nobody = as_nobody()
import colorsys  # what is not imported yet still can be
try:
    open(sys.argv[1]).close()
    print(nobody, os.getuid(), "reads it")
except PermissionError:
    os.setuid(os.getuid())
    print(nobody, os.getuid(), "is kept out")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_converter_that_root_starts_is_nobody_where_nobody_may_import_it() -> None:
    # With the system's interpreter where there is one: ours may lie where nobody may look.
    python = next(filter(os.path.exists, ("/usr/bin/python3",)), sys.executable)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(shut_in.__file__, folder)
        secret = folder / "secret"
        secret.touch(0o600)

        def run() -> str:
            command = [python, "-c", AS_NOBODY, secret]
            environment = {"PYTHONPATH": name}
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()

        folder.chmod(0o755)
        assert run() == f"True {pwd.getpwnam('nobody').pw_uid} is kept out"
        (folder / "package").mkdir(0o700)
        assert run() == "False 0 reads it", "that could not be imported"
        (folder / "package").rmdir()
        folder.chmod(0o700)
        assert run() == "False 0 reads it", "nor anything"
