"""`python -m infra.local FOLDER`: the servers of docs/real-systems.md, until it is ended."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import yaml

from infra.local.apicurio import START_S, Apicurio
from infra.local.connect import Connect
from infra.local.opensearch import OpenSearchServer
from infra.local.postgres import DATABASE, PASSWORD, USER, Postgres
from streams.app import policies
from streams.app.settings import Settings
from streams.flow.errors import UserError
from streams.local.broker import Broker
from streams.local.child import LOOPBACK, OWN_FOLDER

SECRET = "BANK_PASSWORD"  # noqa: S105 - the variable's name
TABLE = """
CREATE TABLE handbook (id int PRIMARY KEY, title text, body text);
INSERT INTO handbook VALUES
  (1, 'Cards', 'The replacement of a lost card costs 12 euros. A card is blocked by phone.'),
  (2, 'Branches', 'Branches open at nine on working days. On Saturdays they stay closed.');
"""


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m infra.local FOLDER")
    folder = Path(sys.argv[1]).expanduser().absolute()
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        folder.mkdir(mode=OWN_FOLDER)
    except OSError as error:
        sys.exit(f"millrace: {folder} cannot be made ({error.strerror}): name a new folder")
    with ExitStack() as stack:
        try:
            told = _started(folder, stack)
        except UserError as error:
            sys.exit(f"millrace: {error}")
        except KeyboardInterrupt:
            return
        file = folder / "settings.sh"
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in told.items())
        file.write_text("".join(lines))
        print(f"ready: in another terminal, . {file}", flush=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        signal.sigwait(signals)


def _started(folder: Path, stack: ExitStack) -> dict[str, str]:
    """All of them at work; the settings that name them."""
    broker = Broker(Settings(data=folder / "kafka"))
    postgres = Postgres(folder / "postgres")
    search, registry = OpenSearchServer(folder / "opensearch"), Apicurio(folder / "apicurio")
    print("starting Kafka, PostgreSQL, OpenSearch and Apicurio", flush=True)
    servers = (broker, postgres, search, registry)
    for server in servers:
        stack.push(server.__exit__)
        server.start()
    for server in servers:
        server.wait_ready(START_S)
    # Its own default is NONE, which would take anything.
    httpx.put(f"{registry.url}/config", json={"compatibility": "BACKWARD"}).raise_for_status()
    print("starting Kafka Connect", flush=True)
    secret = {SECRET: PASSWORD}
    connect = Connect(folder / "connect", broker.bootstrap_servers, **secret)
    stack.enter_context(connect)
    with postgres.connect() as connection:
        connection.execute(TABLE.encode())
    return {
        "MILLRACE_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "MILLRACE_INDEX__LEXICAL": "opensearch",
        "MILLRACE_OPENSEARCH__URL": search.url,
        "MILLRACE_OPENSEARCH__REPLICAS": "0",
        "MILLRACE_REGISTRY__URL": registry.url,
        "MILLRACE_CDC__CONNECT_URL": connect.url,
        "MILLRACE_POLICIES": str(_policies(folder / "policies", postgres.port)),
        SECRET: PASSWORD,
        "BANK": postgres.dsn,
    }


def _policies(folder: Path, port: int) -> Path:
    """The shipped ones, with the database and its table."""
    shutil.copytree(policies.SHIPPED, folder)
    database: dict[str, Any] = {"kind": "postgresql", "host": LOOPBACK, "port": port}
    database |= {"database": DATABASE, "user": USER, "password": f"${{env:{SECRET}}}"}
    table = {"database": "bank", "table": "public.handbook", "tenant": "retail", "doc_id": "id"}
    source = table | {"title": "title", "text": "body"}
    written = {"version": "1", "databases": {"bank": database}, "debezium": {"handbook": source}}
    (folder / "connectors.yaml").write_text(yaml.safe_dump(written))
    return folder


if __name__ == "__main__":
    main()
