"""Ask from Python: python ask.py BROKER TENANT QUESTION. Any Kafka client does, in any language."""

from __future__ import annotations

import json
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition

TIMEOUT_S = 60.0


def ask(broker: str, tenant: str, query: str) -> dict[str, object]:
    """The answer, as a program that knows nothing of Millrace gets it."""
    request_id = str(uuid.uuid4())
    consumer = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": f"ask-{request_id}",  # never joined: partitions are assigned by hand
            "isolation.level": "read_committed",
        }
    )
    topic = consumer.list_topics("rag.answers", timeout=10).topics["rag.answers"]
    ends = [TopicPartition("rag.answers", number) for number in topic.partitions]
    for place in ends:
        _, place.offset = consumer.get_watermark_offsets(place, timeout=10)
    consumer.assign(ends)
    producer = Producer({"bootstrap.servers": broker})
    question = {"request_id": request_id, "tenant": tenant, "query": query}
    producer.produce("rag.requests", json.dumps(question), key=f"{tenant}/{request_id}")
    producer.flush(10)
    until = time.monotonic() + TIMEOUT_S
    while time.monotonic() < until:
        message = consumer.poll(1.0)
        # The key says whose answer it is; the value is Avro, whose schema is schemas/avro.
        if message is not None and message.key() == f"{tenant}/{request_id}".encode():
            consumer.close()
            return decoded(message.value() or b"")
    raise TimeoutError(f"no answer to {request_id} in {TIMEOUT_S:.0f} s")


def decoded(value: bytes) -> dict[str, object]:
    """Avro single-object encoding: two bytes of mark, eight of fingerprint, then the record."""
    from schemas.events import QuestionAnswered
    from schemas.topics import RAG_ANSWERS
    from streams.runtime.codec import Codec

    answer: QuestionAnswered = Codec().decode(RAG_ANSWERS, value)
    return answer.to_avro()


if __name__ == "__main__":
    print(json.dumps(ask(*sys.argv[1:4]), indent=1))
