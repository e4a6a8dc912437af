"""A language model over the wire: streamed, counted, in its time, and what goes wrong with it."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.breaker import Away
from connectors.openai_compatible.calls import FAILURES, Endpoint
from connectors.openai_compatible.generator import Asked, OpenAICompatible
from connectors.openai_compatible.keys import key_of
from connectors.openai_compatible.refusing import LONGEST_REASON, hidden
from streams.flow.errors import Retry
from tests.support.model_server import ModelServer, completion, serving

Opened = Callable[..., OpenAICompatible]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving() as made:
        yield made


@pytest.fixture
def opened(server: ModelServer) -> Iterator[Opened]:
    """A model of the server, closed with the test."""
    made: list[OpenAICompatible] = []

    def open_one(asked: Asked | None = None, **said: Any) -> OpenAICompatible:
        endpoint = Endpoint(
            server.url, **{"timeout_s": 20.0, "setting": "MILLRACE_TIERS__A", **said}
        )
        made.append(OpenAICompatible(endpoint, "m", asked=asked))
        return made[-1]

    yield open_one
    for each in made:
        each.close()


def ask(model: OpenAICompatible, **more: Any):
    return model.complete("i", "t", **{"most_tokens": 50, **more})


def test_pieces_are_heard_as_they_come_and_the_server_counts(
    server: ModelServer, opened: Opened
) -> None:
    server.body, server.cached = completion("one two three", 9), 4
    heard: list[str] = []
    made = ask(opened(), told=heard.append)
    assert (heard, made.text) == (["one", " two", " three"], "one two three")
    assert (made.input_tokens, made.output_tokens, made.cached_tokens) == (9, 3, 4)
    assert server.asked[0]["stream_options"] == {"include_usage": True}


def test_pieces_are_heard_before_the_last_is_written(server: ModelServer, opened: Opened) -> None:
    server.body, server.pause_s = completion("one two three four"), 0.05
    times: list[float] = []
    ask(opened(), told=lambda _: times.append(time.monotonic()))
    assert time.monotonic() - times[0] > 0.15


def test_a_stream_that_is_cut_is_asked_for_again(server: ModelServer, opened: Opened) -> None:
    server.body, server.cut_after = completion("one two three"), 2
    model = opened(retries=1)
    with pytest.raises(Retry, match="stopped in the middle of its answer, after 3 characters"):
        ask(model)
    assert len(server.asked) == 2


def test_what_was_told_is_not_told_twice(server: ModelServer, opened: Opened) -> None:
    server.body, server.cut_after = completion("one two three"), 2
    heard: list[str] = []
    with pytest.raises(Retry, match="stopped in the middle"):
        ask(opened(retries=5), told=heard.append)
    assert (heard, len(server.asked)) == (["one"], 1)


def test_more_than_it_may_say_is_not_read_on(server: ModelServer, opened: Opened) -> None:
    server.body = completion("word " * 100_000)
    with pytest.raises(Retry, match="says more than the 50 tokens it may"):
        ask(opened())


@pytest.mark.parametrize("said", [None, -7, 2**63, "many", 1.5])
def test_what_is_no_count_is_none_and_costs_no_answer(
    server: ModelServer, opened: Opened, said: object
) -> None:
    made = json.loads(completion("one two", 9))
    made["usage"] |= {"prompt_tokens": said, "completion_tokens": said}
    server.body, server.cached = json.dumps(made).encode(), 4
    found = ask(opened())
    assert found.text == "one two"
    assert (found.input_tokens, found.output_tokens, found.cached_tokens) == (0, 0, 0)


def test_no_more_was_read_before_than_was_read(server: ModelServer, opened: Opened) -> None:
    server.body, server.cached = completion("one", 9), 1_000
    assert ask(opened()).cached_tokens == 9


def test_an_empty_answer_is_one_and_is_paid_for(server: ModelServer, opened: Opened) -> None:
    server.body = completion("", 9)
    assert (made := ask(opened())).text == "" and made.input_tokens == 9


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "says 401: no .* \\(check MILLRACE_TIERS__A__KEY or MILLRACE_TIERS__A__KEY_FILE"),
        (404, "says 404: no .* \\(check MILLRACE_TIERS__A__MODEL and MILLRACE_TIERS__A__URL"),
    ],
)
def test_what_is_set_wrong_is_named_and_not_repeated(
    server: ModelServer, opened: Opened, status: int, remedy: str
) -> None:
    said = {"error": {"message": "no such thing as sk-1234"}}
    server.status, server.body = status, json.dumps(said).encode()
    with pytest.raises(Retry, match=remedy) as caught:
        ask(opened(key=lambda: "sk-1234"))
    assert "sk-1234" not in str(caught.value)
    assert len(server.asked) == 1


def test_a_server_that_repeats_what_lets_us_in_tells_no_log(
    server: ModelServer, opened: Opened
) -> None:
    shown = "http://told:p%40ss-word@127.0.0.1/v1"
    basic = base64.b64encode(b"told:p@ss-word").decode()
    endpoint = Endpoint(server.url.replace("//", "//told:p%40ss-word@"), key=lambda: "sk-1234")
    for repeated in (f"Basic {basic}", "sk-1234", "p@ss-word", "p%40ss-word", shown):
        said = {"error": {"message": f"you sent {repeated}"}}
        server.status, server.body = 400, json.dumps(said).encode()
        with closing(OpenAICompatible(endpoint, "m")) as model, pytest.raises(Retry) as caught:
            ask(model)
        assert repeated not in str(caught.value) and "word" not in str(caught.value)
    assert server.asked[-1]["key"] == f"Basic {basic}"  # a URL's own wins


def test_a_secret_is_hidden_before_what_is_said_is_cut() -> None:
    said = hidden("x" * (LONGEST_REASON - 4) + "sk-1234", ["sk-1234"])
    assert said.endswith("x***") and "sk" not in said


def test_a_server_that_fails_for_a_moment_is_asked_again(
    server: ModelServer, opened: Opened
) -> None:
    def says(asked: dict[str, Any]) -> str:
        server.status = 200 if len(server.asked) > 1 else 503
        return "here"

    server.says = says
    assert ask(opened()).text == "here"
    assert len(server.asked) == 3 or len(server.asked) == 2


def test_who_asks_to_be_left_alone_for_longer_than_there_is_time_is(
    server: ModelServer, opened: Opened
) -> None:
    server.status, server.headers = 429, {"Retry-After": "30"}
    model = opened(timeout_s=2.0)
    began = time.monotonic()
    with pytest.raises(Retry, match="says 429"):
        ask(model)
    for _ in range(100):
        with pytest.raises(Away, match="asked to be left alone for"):
            ask(model)
    assert time.monotonic() - began < 1.5
    assert len(server.asked) == 1


def test_who_asks_for_a_moment_gets_it(server: ModelServer, opened: Opened) -> None:
    server.status, server.headers = 429, {"retry-after-ms": "200"}

    def says(asked: dict[str, Any]) -> str:
        if len(server.asked) > 1:
            server.status, server.headers = 200, {}
        return "here"

    server.says = says
    began = time.monotonic()
    assert ask(opened()).text == "here"
    assert time.monotonic() - began >= 0.2


def test_a_limit_of_which_nothing_remains_is_waited_for(
    server: ModelServer, opened: Opened
) -> None:
    server.body = completion("here")
    server.headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "200ms"}
    model = opened()
    ask(model)
    began = time.monotonic()
    ask(model)
    assert time.monotonic() - began >= 0.15


def test_a_call_ends_in_its_time_and_in_that_of_who_asks(
    server: ModelServer, opened: Opened
) -> None:
    server.body, server.pause_s = completion("one " * 40), 0.1
    model = opened(timeout_s=0.5)
    for within_s, most in ((None, 0.5), (0.2, 0.2)):
        began = time.monotonic()
        with pytest.raises(Retry, match=f"took more than {most:g} s"):
            ask(model, within_s=within_s)
        assert most * 0.9 < time.monotonic() - began < most + 0.3


def test_no_more_calls_are_made_at_once_than_may_be(server: ModelServer, opened: Opened) -> None:
    now, most = 0, 0
    lock = threading.Lock()

    def says(asked: dict[str, Any]) -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        return "here"

    server.says = says
    model = opened(at_once=2)
    threads = [threading.Thread(target=ask, args=(model,)) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (most, len(server.asked)) == (2, 6)


def test_a_schema_and_the_names_of_limits_go_over_the_wire(
    server: ModelServer, opened: Opened
) -> None:
    server.body = completion("{}")
    model = opened(Asked(temperature=-1, limit="max_completion_tokens"))
    ask(model, schema={"type": "object"})
    (asked,) = server.asked
    assert asked["max_completion_tokens"] == 50
    assert not asked.keys() & {"max_tokens", "temperature"}
    assert asked["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_a_key_that_its_file_changes_is_the_new_one(
    server: ModelServer, opened: Opened, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("first\n")
    server.body = completion("here")
    model = opened(key=key_of(SecretStr(""), file, "MILLRACE_TIERS__A"))
    ask(model)
    (tmp_path / "new").write_text("second-key")
    (tmp_path / "new").rename(file)
    ask(model)
    assert [each["key"] for each in server.asked] == ["Bearer first", "Bearer second-key"]


def test_without_a_key_none_is_sent(server: ModelServer, opened: Opened) -> None:
    server.body = completion("here")
    ask(opened())
    assert server.asked[0]["key"] is None


def test_a_storm_of_refusals_ends_in_not_asking(server: ModelServer) -> None:
    server.status = 429
    with closing(OpenAICompatible(Endpoint(server.url, retries=0), "m")) as model:
        for _ in range(FAILURES):
            with pytest.raises(Retry, match="says 429"):
                ask(model)
        for _ in range(50):
            with pytest.raises(Away):
                ask(model)
    assert len(server.asked) == FAILURES
