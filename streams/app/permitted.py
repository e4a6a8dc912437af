"""Whether the broker lets a worker do what its stages do: asked at start, before it takes a record.

Brokers tell what may be done with a topic or a group. Of transactional ids they tell nothing: there
the first session finds out, and takes no record either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from confluent_kafka import KafkaException, TopicCollection

from streams.app.rights import Flow, Operation, Resource, Right, of_stage
from streams.app.settings import Settings
from streams.flow.stage import Stage
from streams.runtime import kafka
from streams.runtime.forbidden import GROUP, TOPIC, forbidden

CALL_S = 10.0
_CODES = {"topic": TOPIC, "group": GROUP}


def check(settings: Settings, every: Sequence[Stage], here: Sequence[Stage]) -> None:
    """Refuse to start without a right that the stages `here` need.

    Nothing is asked of a broker that asks nobody.

    Raises:
        ForbiddenError: it names the right, what it is on, and the principal.
    """
    if kafka.protocol(settings) == "plaintext":
        return
    flow = Flow.of(settings, every)
    wanted = sorted({right for stage in here for right in of_stage(flow, stage)})
    client: Any = kafka.admin(settings)
    topics = _names(wanted, "topic")
    found = client.describe_topics(
        TopicCollection([*topics]), include_authorized_operations=True, request_timeout=CALL_S
    )
    _compare(settings, "topic", topics, found)
    groups = _names(wanted, "group")
    found = client.describe_consumer_groups(
        [*groups], include_authorized_operations=True, request_timeout=CALL_S
    )
    _compare(settings, "group", groups, found)


def _names(rights: Iterable[Right], resource: Resource) -> dict[str, list[Operation]]:
    found: defaultdict[str, list[Operation]] = defaultdict(list)
    for right in rights:
        if right.resource == resource and not right.prefixed:
            found[right.name].append(right.operation)
    return found


def _compare(
    settings: Settings, resource: Resource, wanted: dict[str, list[Operation]], found: Any
) -> None:
    code = _CODES[resource]
    for name, operations in wanted.items():
        try:
            told = found[name].result(CALL_S).authorized_operations
        except KafkaException as error:
            if error.args[0].code() == code:
                raise forbidden(settings, code, name, operations[0].upper()) from None
            continue  # it is not there yet, or nobody can tell now: the work itself will
        except TimeoutError:  # the broker hangs, which librdkafka was about to say
            continue
        if told is None:  # a broker of before 2.3
            continue
        allowed = {each.name for each in told}
        for operation in operations:
            if operation.upper() not in allowed:
                raise forbidden(settings, code, name, operation.upper())
