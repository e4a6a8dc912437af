"""Models behind endpoints with TLS, their certificates of an authority of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.encoding import EncoderSettings, RerankerSettings
from connectors.openai_compatible import port
from connectors.openai_compatible.port import TiersSettings
from processors.models import Ranked
from streams.flow.errors import Retry, UserError
from streams.flow.port import Opening, unwatched
from tests.support.certificates import Authority
from tests.support.model_server import ModelServer, serving
from tests.support.tls_front import tls_front


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving() as server:
        server.says = lambda asked: "From the model."
        yield server


@contextmanager
def front(server: ModelServer, certificate: Path) -> Iterator[str]:
    """The address of the server over TLS."""
    with tls_front(certificate, server.server_port) as port:
        yield f"https://127.0.0.1:{port}/v1"


Told = Mapping[str, object]


def answered(told: Told, opening: Opening) -> str:
    tiers = TiersSettings.model_validate({"own": {"model": "m", "retries": 0, **told}})
    return port.generator("own", tiers, opening).complete("Say.", "It.", most_tokens=9).text


def embedded(told: Told, opening: Opening) -> str:
    settings = EncoderSettings.model_validate({"model": "m", "dimensions": 2, **told})
    model = port.embedder(settings, opening, lambda _: None)
    return str(model.embed_queries(["x"]).tolist())


def reranked(told: Told, opening: Opening) -> str:
    settings = RerankerSettings.model_validate({"model": "m", **told})
    model = port.reranker(settings, opening)
    return str(model.scores([Ranked("question", ["passage"])], within_s=5))


def answers(asked: dict[str, Any]) -> dict[str, Any]:
    if "input" in asked:
        data = [{"object": "embedding", "index": 0, "embedding": [1.0, 0.0]}]
        return {"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 1}}
    return {"results": [{"index": 0, "relevance_score": 0.5}]}


Kind = Callable[[Told, Opening], str]
KINDS: dict[str, tuple[Kind, str]] = {
    "tier": (answered, "MILLRACE_TIERS__OWN__CA_FILE"),
    "encoder": (embedded, "MILLRACE_ENCODER__CA_FILE"),
    "reranker": (reranked, "MILLRACE_RERANKER__CA_FILE"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_asked_where_its_certificate_is_of_the_authority_that_is_named(
    kind: str, server: ModelServer, authority: Authority, tmp_path: Path
) -> None:
    asked, setting = KINDS[kind]
    if kind != "tier":
        server.says, server.answers = None, answers
    with front(server, authority.leaf("model", "model")) as url, ExitStack() as stack:
        opening = Opening(tmp_path, stack, unwatched, tmp_path, shipped=True)
        with pytest.raises((Retry, UserError), match=f"certificate of no use.*{setting}"):
            asked({"url": url}, opening)
        assert not server.asked
        assert asked({"url": url, "ca_file": authority.certificate}, opening)
        assert server.asked
        missing = tmp_path / "none.crt"
        with pytest.raises(UserError, match=f"{setting}: .*none.crt cannot be used"):
            asked({"url": url, "ca_file": missing}, opening)


def test_a_certificate_for_another_name_or_time_or_of_another_authority_is_refused(
    server: ModelServer, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    with ExitStack() as stack:
        opening = Opening(tmp_path, stack, unwatched, tmp_path, shipped=True)
        for certificate in (
            authority.leaf("elsewhere", "model", hosts=["elsewhere.example"]),
            authority.leaf("old", "model", days=-1),
            stranger.leaf("strange", "model"),
        ):
            with (
                front(server, certificate) as url,
                pytest.raises(Retry, match="certificate of no use"),
            ):
                answered({"url": url, "ca_file": authority.certificate}, opening)
    assert not server.asked
