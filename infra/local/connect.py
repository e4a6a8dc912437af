"""Kafka Connect with Debezium's connectors, from jars: one distributed worker, exactly once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from infra.local.java import JavaServer
from streams.local.child import LOOPBACK, OWN_FILE, Ports
from streams.local.jars import Jars

# Debezium does not run on Connect 4.4 yet; 4.3 speaks to any broker.
KAFKA, DEBEZIUM = "4.3.1", "3.6.1.Final"
JARS = Jars(
    "Kafka Connect",
    "+".join(
        (
            *(
                f"org.apache.kafka:{name}:{KAFKA}"
                # The last three are named, since Debezium's are of another Kafka.
                for name in (
                    "connect-runtime",
                    "connect-json",
                    "connect-api",
                    "connect-transforms",
                    "kafka-clients",
                )
            ),
            "org.slf4j:slf4j-simple:1.7.36",
            f"io.debezium:debezium-connector-postgres:{DEBEZIUM}",
        )
    ),
    Path(__file__).with_name("connect.lock"),
)
_PROPERTIES = """\
bootstrap.servers={bootstrap}
group.id={name}
config.storage.topic={name}-configs
offset.storage.topic={name}-offsets
status.storage.topic={name}-status
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=1
status.storage.partitions=1
exactly.once.source.support=enabled
listeners=http://{host}:{port}
plugin.discovery=service_load
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
# Connectors name their secrets; the worker alone knows them.
config.providers=file,env
config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
# A worker alone waits for no other to come back, and is not missed for long.
scheduled.rebalance.max.delay.ms=0
session.timeout.ms=6000
heartbeat.interval.ms=1000
# Of a killed producer's transaction; its successor fences it anyway.
producer.transaction.timeout.ms=10000
connector.client.config.override.policy=All
"""


class Connect(JavaServer):
    """A worker on a loopback port; what it knows is in the broker. The constructor opens nothing.

    `secrets` are variables that a connector's configuration may refer to.
    """

    def __init__(self, folder: Path, bootstrap: str, **secrets: str) -> None:
        super().__init__("Kafka Connect", JARS, folder, heap_mb=320)
        self._bootstrap = bootstrap
        self._secrets = secrets
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def options(self) -> Sequence[str]:
        logged = "-Dorg.slf4j.simpleLogger."
        return (f"{logged}defaultLogLevel=warn", f"{logged}showDateTime=true")

    def main(self) -> Sequence[str]:
        self.port = self.port or Ports(self.folder).choose("connect", 0, "")
        file = self.folder / "connect.properties"
        file.touch(mode=OWN_FILE)
        file.write_text(
            _PROPERTIES.format(
                bootstrap=self._bootstrap, name="connect", host=LOOPBACK, port=self.port
            )
        )
        return ["org.apache.kafka.connect.cli.ConnectDistributed", str(file)]

    def environment(self) -> dict[str, str]:
        return super().environment() | self._secrets

    def is_ready(self) -> bool:
        try:
            return self.alive and httpx.get(f"{self.url}/connectors", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False


if __name__ == "__main__":  # writes the digests of the jars anew
    sys.exit(JARS.write_lock())
