"""Kafka Connect over its REST: a connector put there, and how it stands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from streams.flow.errors import UserError

NOT_FOUND, REBALANCING, REFUSED, BAD_REQUEST = 404, 409, 400, 400
TICK_S = 0.3
LONGEST = 400  # characters of what it says that are passed on


@dataclass(frozen=True, slots=True)
class Standing:
    """How a connector stands; `fault` is the cause where it or a task failed."""

    state: str  # RUNNING, PAUSED, STOPPED, UNASSIGNED, RESTARTING, FAILED
    tasks: tuple[str, ...]
    fault: str = ""

    @property
    def runs(self) -> bool:
        return self.state == "RUNNING" and {*self.tasks} == {"RUNNING"}

    @property
    def failed(self) -> bool:
        return "FAILED" in (self.state, *self.tasks)


class KafkaConnect:
    """A cluster of workers, by the address of any."""

    def __init__(self, url: str, timeout_s: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(timeout=timeout_s)

    def close(self) -> None:
        self._client.close()

    def put(self, name: str, configuration: Mapping[str, str], timeout_s: float) -> None:
        """Make or amend a connector, and return once it and its tasks run.

        Raises:
            UserError: Connect does not answer, refuses it, or it failed or did not start in time.
        """
        deadline = time.monotonic() + timeout_s
        self._retried("PUT", f"/connectors/{name}/config", dict(configuration), deadline)
        before = self.standing(name)
        if before is not None and before.failed:  # amending it does not start what has failed
            path = f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true"
            self._retried("POST", path, None, deadline)
        while True:
            now = self.standing(name)
            if now is not None and now.runs:
                return
            late = time.monotonic() > deadline
            if now is not None and now.failed and (late or now != before):
                raise UserError(f"connector {name} failed: {now.fault}")
            if late:
                said = "is unknown" if now is None else f"is {now.state}, its tasks {now.tasks}"
                raise UserError(
                    f"connector {name} did not run after {timeout_s:.0f} s: it {said}; Connect's "
                    "log says why"
                )
            time.sleep(TICK_S)

    def forget(self, name: str, timeout_s: float) -> None:
        """Have a connector begin as if for the first time: its tables are read, then its log.

        Raises:
            UserError: Connect does not answer or refuses, or the connector does not stop in time.
        """
        deadline = time.monotonic() + timeout_s
        self._retried("PUT", f"/connectors/{name}/stop", None, deadline)
        while (now := self.standing(name)) is not None and (now.state != "STOPPED" or now.tasks):
            if time.monotonic() > deadline:
                raise UserError(f"connector {name} does not stop; Connect's log says why")
            time.sleep(TICK_S)
        self._retried("DELETE", f"/connectors/{name}/offsets", None, deadline)
        self._retried("PUT", f"/connectors/{name}/resume", None, deadline)

    def standing(self, name: str) -> Standing | None:
        """How a connector stands; None where there is none of that name.

        Raises:
            UserError: Connect does not answer.
        """
        response = self._call("GET", f"/connectors/{name}/status", None)
        if response.status_code in (NOT_FOUND, REBALANCING):
            return None
        found: dict[str, Any] = response.json()
        parts = [found["connector"], *found["tasks"]]
        trace = next((each["trace"] for each in parts if each.get("trace")), "")
        tasks = tuple(str(each["state"]) for each in found["tasks"])
        return Standing(str(found["connector"]["state"]), tasks, cause(trace))

    def _retried(self, method: str, path: str, body: object, deadline: float) -> None:
        """A call that is made again while the workers share out their work."""
        while (response := self._call(method, path, body)).status_code == REBALANCING:
            if time.monotonic() > deadline:
                raise UserError(f"Kafka Connect at {self._url} does not come to rest; try again")
            time.sleep(TICK_S)
        if response.status_code == NOT_FOUND:
            raise UserError(f"Kafka Connect does not know {path}: `millrace cdc apply` makes it")
        if response.status_code >= BAD_REQUEST:
            raise UserError(f"Kafka Connect refuses the connector: {refusal(response)}")

    def _call(self, method: str, path: str, body: object) -> httpx.Response:
        try:
            return self._client.request(method, self._url + path, json=body)
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise UserError(
                f"Kafka Connect at {self._url} does not answer ({said}): is it running? "
                "MILLRACE_CDC__CONNECT_URL names it"
            ) from None


def refusal(response: httpx.Response) -> str:
    """Why Connect refuses a configuration, in its words."""
    try:
        said = str(response.json()["message"])
    except (ValueError, LookupError, TypeError):
        said = response.text
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines[1:] if not line.startswith("You can also find")] or lines
    return "; ".join(telling)[:LONGEST]


def cause(trace: str) -> str:
    """The last cause that a Java trace names, without its class."""
    lines = [line.strip() for line in trace.splitlines()]
    found = [line for line in lines if line.startswith("Caused by: ")] or lines[:1]
    said = found[-1].removeprefix("Caused by: ") if found else ""
    return said.partition(": ")[2][:LONGEST] or said[:LONGEST]
