"""How a client says who it is, from settings and from files that change while it lives."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from pydantic import SecretStr

from streams.app.settings import load
from streams.flow.errors import UserError
from streams.runtime import credentials, kafka
from streams.runtime.access import BrokerSettings
from streams.runtime.credentials import Certificates, Followed, options
from streams.runtime.refused import why
from streams.runtime.settings import RuntimeSettings
from tests.support.certificates import Authority


def test_without_a_word_nothing_is_said() -> None:
    assert options(BrokerSettings()) == {}


def test_a_user_is_scrams_unless_another_mechanism_is_named(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    said = options(BrokerSettings(user="me", password_file=file))
    assert said == {
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "secret",
    }
    plain = BrokerSettings(user="me", password=SecretStr("secret"), mechanism="plain", tls=True)
    assert options(plain)["security.protocol"] == "sasl_ssl"
    assert options(plain)["sasl.mechanism"] == "PLAIN"


def test_a_client_gets_its_token_where_it_is_told_to() -> None:
    said = options(
        BrokerSettings(
            user="id", password=SecretStr("s"), token_url="https://idp/token", scope="kafka"
        )
    )
    assert said["sasl.oauthbearer.method"] == "oidc"
    assert said["sasl.oauthbearer.token.endpoint.url"] == "https://idp/token"
    assert (said["sasl.oauthbearer.client.id"], said["sasl.oauthbearer.scope"]) == ("id", "kafka")


def jwt(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{body}.x"


def test_a_token_is_read_anew_each_time_librdkafka_asks(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(jwt(exp=time.time() + 60))
    again = options(BrokerSettings(token_file=file))["oauth_cb"]
    assert again("")[0] == file.read_text()
    until = int(time.time()) + 600
    file.write_text(jwt(exp=until))
    assert again("") == (file.read_text(), until)
    file.write_text("no-jwt")
    assert again("")[1] > time.time()
    file.write_text(jwt(exp=1))
    with pytest.raises(UserError, match=r"MILLRACE_BROKER__TOKEN_FILE: the token in .* expired"):
        again("")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MECHANISM": "plain"}, "MILLRACE_BROKER__MECHANISM is plain: set MILLRACE_BROKER__USER"),
        ({"MECHANISM": "oauthbearer"}, "set MILLRACE_BROKER__TOKEN_FILE or"),
        ({"CA_FILE": "/ca"}, "MILLRACE_BROKER__CA_FILE is set: set MILLRACE_BROKER__TLS too"),
        ({"TLS": "1", "KEY_FILE": "/k"}, "set MILLRACE_BROKER__CERTIFICATE_FILE and"),
        ({"TOKEN_FILE": "/t", "TOKEN_URL": "http://x"}, "TOKEN_FILE or MILLRACE_BROKER__TOKEN_URL"),
    ],
)
def test_settings_that_do_not_go_together_are_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"MILLRACE_BROKER__{name}", value)
    with pytest.raises(UserError, match=said):
        load()


def test_a_file_that_is_not_there_is_named_with_its_setting(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with pytest.raises(UserError, match=f"MILLRACE_BROKER__PASSWORD_FILE: {absent} cannot be read"):
        options(BrokerSettings(user="me", password_file=absent))
    with pytest.raises(UserError, match=f"MILLRACE_BROKER__CA_FILE: {absent} cannot be read"):
        options(BrokerSettings(tls=True, ca_file=absent))
    with pytest.raises(UserError, match="USER is me: set MILLRACE_BROKER__PASSWORD_FILE"):
        options(BrokerSettings(user="me"))


class Told:
    """A client of librdkafka that remembers what it was told."""

    def __init__(self) -> None:
        self.passwords: list[str] = []

    def set_sasl_credentials(self, username: str, password: str, /) -> None:
        assert username == "me"
        self.passwords.append(password)


def test_clients_that_live_are_told_of_another_password_once(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first")
    broker = BrokerSettings(user="me", password_file=file)
    followed = Followed(look_s=3600)
    client, gone = Told(), Told()
    followed.add(client, broker)
    followed.add(gone, broker)
    del gone
    followed.look()
    assert client.passwords == []
    file.write_text("second")
    followed.look()
    followed.look()
    assert client.passwords == ["second"]
    file.unlink()  # while it is replaced
    followed.look()
    file.write_text("third")
    followed.look()
    assert client.passwords == ["second", "third"]


def test_real_clients_take_another_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first")
    settings = RuntimeSettings(
        bootstrap_servers="127.0.0.1:9", broker=BrokerSettings(user="me", password_file=file)
    )
    assert kafka.producer_options(settings)[kafka.FOLLOWED] == settings.broker
    kafka.new_producer(kafka.producer_options(settings)).set_sasl_credentials("me", "other")
    consumer = kafka.new_consumer(kafka.plain_consumer_options(settings, "g"))
    consumer.close()
    set_of = BrokerSettings(user="me", password=SecretStr("fixed"))
    assert not credentials.changes(set_of)


def test_certificates_that_were_renewed_are_noticed_also_behind_a_link(tmp_path: Path) -> None:
    first, second, link = tmp_path / "1", tmp_path / "2", tmp_path / "ca"
    first.write_text("a")
    second.write_text("b")
    link.symlink_to(first)
    known = Certificates([link])
    known._looked -= 10
    assert not known.renewed()
    link.unlink()
    known._looked -= 10
    assert not known.renewed(), "it is just being replaced"
    link.symlink_to(second)
    assert not known.renewed(), "it looked a moment ago"
    known._looked -= 10
    assert known.renewed()
    assert not Certificates([]).renewed()


def _why(code: int, said: str, **broker: Any) -> str:
    settings = RuntimeSettings(bootstrap_servers="127.0.0.1:1", broker=BrokerSettings(**broker))
    return why(settings, KafkaError(code, said))


def test_being_refused_is_told_with_the_setting_and_the_remedy(tmp_path: Path) -> None:
    no, tls = KafkaError._AUTHENTICATION, KafkaError._SSL
    wrong = "sasl_plaintext://127.0.0.1:1/bootstrap: SASL authentication error: no (after 3ms)"
    assert _why(no, wrong, user="me", password="x") == (
        "the broker at 127.0.0.1:1 does not accept user me with the password of "
        "MILLRACE_BROKER__PASSWORD: put the right one there (SASL authentication error: no)"
    )
    assert "set MILLRACE_BROKER__USER" in _why(no, wrong)
    assert "TOKEN_FILE" in _why(no, wrong, token_file=tmp_path / "t")
    other = "ssl://x/bootstrap: SASL PLAIN mechanism handshake failed: Unsupported mechanism"
    assert "does not take plain" in _why(no, other, user="me", password="x", mechanism="plain")
    assert "where it asks for a certificate" in _why(tls, "closed", tls=True)
    own = Authority(tmp_path).leaf("me", "me", days=-1)
    certificate, key = own.with_suffix(".crt"), own.with_suffix(".key")
    said = _why(tls, "x", tls=True, certificate_file=certificate, key_file=key)
    assert f"CERTIFICATE_FILE ({certificate}, expired " in said
