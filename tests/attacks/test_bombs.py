"""Small input that becomes large: found before it is built."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from connectors.converters.csv_tables import csv_table
from connectors.converters.errors import Unreadable
from connectors.converters.records import json_text
from streams.runtime import kafka
from tests.system.copying import copying
from tests.system.harness import Bench, load_of

GIB = 1 << 30
MIB = 1 << 20


def test_one_long_row_of_a_csv_does_not_make_all_others_as_long() -> None:
    bomb = "a," * 20_000 + "\n" + "b\n" * 20_000  # 80 kB, 400 million cells
    with pytest.raises(Unreadable, match="20,001 rows and 20,001 columns"):
        csv_table(bomb)


def test_a_csv_of_nothing_but_fields_is_given_up_while_it_is_read() -> None:
    with pytest.raises(Unreadable, match="at most 3,000,000 cells"):
        csv_table("," * 4_000_000)


def test_a_long_name_above_many_values_of_a_json_is_not_said_with_each() -> None:
    bomb = json.dumps({"k" * 100_000: {str(n): "v" for n in range(50_000)}})  # 5 GB of paths
    with pytest.raises(Unreadable, match="a long name above many values"):
        json_text(bomb)
    text, _ = json_text(json.dumps({"k" * 100_000: [0] * 100_000}))
    assert len(text) < 1_000_000


def test_values_deep_below_a_long_name_are_said_without_its_path() -> None:
    deep = '[{"a":' * 400 + "[" + "0," * 400_000 + "0]" + "}]" * 400
    text, _ = json_text('{"' + "k" * 3_000 + '":' + deep + "}")
    assert len(text) < 4 * len(deep)


def test_a_table_of_today_is_no_bomb() -> None:
    table, notes = csv_table("n,name\n" + "\n".join(f"{n},x" for n in range(50_000)))
    assert table.count("\n") == 50_001 and notes == []
    lines, _ = json_text(json.dumps([{"name": f"{n}"} for n in range(50_000)]))
    assert lines.startswith("| name |\n| --- |\n| 0 |")


def test_bombs_are_refused_within_little_memory() -> None:
    code = (
        "import tests.attacks.test_bombs as t\n"
        "t.test_one_long_row_of_a_csv_does_not_make_all_others_as_long()\n"
        "t.test_a_csv_of_nothing_but_fields_is_given_up_while_it_is_read()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 * GIB, 2 * GIB)),
    )
    assert done.returncode == 0, done.stderr


def drop(bench: Bench, size: int, codec: str) -> KafkaError | None:
    """Produce a record of nothing but zeros; what the broker said."""
    told: list[KafkaError | None] = []
    producer = Producer(
        {
            "bootstrap.servers": bench.settings.bootstrap_servers,
            "compression.type": codec,
            "message.max.bytes": 1_000_000_000,
            "retries": 0,
        }
    )
    producer.produce(
        bench.source.name,
        bytes(size),
        b"t/bomb",
        0,
        on_delivery=lambda error, _: told.append(error),
    )
    producer.flush(30)
    return told[0]


@pytest.mark.parametrize("codec", ["zstd", "gzip", "lz4"])
def test_a_bomb_is_refused_by_the_broker(bench: Bench, codec: str) -> None:
    assert drop(bench, 1000, codec) is None
    error = drop(bench, 100 * MIB, codec)  # 3 kB of zstd
    assert error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert bench.sent() == 1


def test_a_bomb_larger_than_the_brokers_heap_fails_its_own_request_alone(bench: Bench) -> None:
    error = drop(bench, 250 * MIB, "zstd")
    assert error is not None and error.code() == KafkaError.UNKNOWN
    bench.send(load_of(8))
    with bench.working(copying(bench.prefix)):
        bench.await_consumed()
    bench.assert_copied(8)


def test_a_bomb_that_is_in_the_log_is_gone_past_and_named(bench: Bench) -> None:
    change = AlterConfigOpType.SET  # as of a topic that somebody else has made
    entry = ConfigEntry("compression.type", "producer", incremental_operation=change)
    kind = ConfigResource.Type.TOPIC
    resource = ConfigResource(kind, bench.source.name, incremental_configs=[entry])
    client: Any = kafka.admin(bench.settings)
    client.incremental_alter_configs([resource])[resource].result(20)
    bench.send(load_of(20))
    assert drop(bench, 150 * MIB, "zstd") is None
    bench.send(load_of(20))

    with bench.working(copying(bench.prefix)):
        bench.await_consumed()

    assert len(bench.copied()) == 40
    (letter,) = bench.dead()
    assert (letter.topic, letter.partition) == (bench.source.name, 0)
    assert "its batch cannot be unpacked: " in letter.reason and letter.value is None
    assert len(bench.records(bench.source)) == 40, "nor do other readers stop before it"
