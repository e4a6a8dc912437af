"""Records that stages are stuck on: which they are, and setting one aside by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaException

from streams.app.settings import Settings
from streams.edge import admin
from streams.flow.errors import UserError
from streams.flow.stage import Stage, Subscription
from streams.runtime import kafka, orders
from streams.runtime.in_flight import Progress

BY_HAND = "set aside by hand"


@dataclass(frozen=True, slots=True)
class Held:
    """The first record that a consumer group has not done, where its process died on it.

    `tries` are those that the record had alone.
    """

    stage: str
    topic: str
    partition: int
    offset: int
    tries: int


def held(settings: Settings, stages: Sequence[Stage]) -> list[Held]:
    """Records that were tried alone, in flow order.

    Raises:
        UserError: the broker does not answer.
    """
    return among(admin.standings(settings, stages))


def among(standings: Mapping[str, admin.Standing]) -> list[Held]:
    """As `held`, of consumer groups that were asked already."""
    found: list[Held] = []
    for group, standing in standings.items():
        for topic, partition, offset, metadata in sorted(standing.read):
            tried = Progress.read(offset, metadata).tried
            if tried > 1:
                found.append(Held(group, topic, partition, offset, tried - 1))
    return found


def set_aside(
    settings: Settings,
    stages: Sequence[Stage],
    name: str,
    topic: str,
    partition: int,
    offset: int,
    why: str,
) -> None:
    """Tell a stage to make a dead letter of a record, once it begins on that partition anew.

    Raises:
        UserError: there is no such stage or record, or it is done; or the broker does not answer.
    """
    each = _subscription(stages, name, topic)
    place = topic, partition
    ends = admin.ends(settings, [topic])
    if place not in ends:
        raise UserError(f"{topic} has no partition {partition}; `millrace status` names the record")
    if not 0 <= offset < ends[place]:
        raise UserError(f"{topic}/{partition} has no record {offset}: it ends at {ends[place]}")
    for *at, position, metadata in admin.standings(settings, stages)[each.group].read:
        if (at[0], at[1]) == place and offset in Progress.read(position, metadata):
            raise UserError(f"{name} is done with {topic}/{partition}/{offset}: nothing is to do")
    group = f"{settings.group_prefix}.{each.group}"
    try:
        orders.give(settings, group, place, offset, f"{BY_HAND}: {why}" if why else BY_HAND)
    except KafkaException as error:
        raise UserError(f"the order cannot be left: {kafka.reason(error)}") from None


def _subscription(stages: Sequence[Stage], name: str, topic: str) -> Subscription:
    groups = [each for stage in stages for each in stage.subscriptions if stage.name == name]
    groups += [each for stage in stages for each in stage.subscriptions if each.group == name]
    if not groups:
        known = ", ".join(stage.name for stage in stages)
        raise UserError(f"there is no stage '{name}'; there are {known}")
    for each in groups:
        if any(read.name == topic for read in each.topics):
            return each
    read = ", ".join(read.name for each in groups for read in each.topics)
    raise UserError(f"{name} does not read {topic}; it reads {read}")
