"""The embedded broker with an authorizer, for users, bearer tokens and certificates over TLS."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streams.app.ports import BrokerSettings
from streams.app.rights import Principal, Right
from streams.app.settings import Settings
from streams.edge import acls
from streams.local import scram, users
from streams.local.broker import Broker
from streams.local.child import LOOPBACK, Ports
from streams.runtime import kafka
from tests.support.certificates import Authority
from tests.system.harness import until

_TOKENS = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
LISTENERS = ("tls", "mutual", "stale", "other")


class Guarded(Broker):
    """Listeners beside the stack's own, by name in `servers`.

    `tls` takes users and bearer tokens, `mutual` certificates, the certificate of `stale` has
    expired, and that of `other` is for another host.
    """

    def __init__(self, data: Path) -> None:
        self.settings = Settings(data=data, kafka_secure=True, kafka_heap_mb=192)
        super().__init__(self.settings)
        self.servers: dict[str, str] = {}
        self.authority = Authority(data)

    def listeners(self, controller_port: int) -> dict[str, str]:
        found = super().listeners(controller_port)
        ports = Ports(self.settings.data)
        for name in LISTENERS:
            self.servers[name] = f"{LOOPBACK}:{ports.choose(name, 0, '')}"
        made = {
            "tls": self._certificate("tls"),
            "mutual": self._certificate("mutual"),
            "stale": self._certificate("stale", days=-1),
            "other": self._certificate("other", hosts=["elsewhere.example"]),
        }
        for name, servers in self.servers.items():
            address = f"{name.upper()}://{servers}"
            protocol = "SSL" if name == "mutual" else "SASL_SSL"
            for key, said in (
                ("listeners", address),
                ("advertised.listeners", address),
                ("listener.security.protocol.map", f"{name.upper()}:{protocol}"),
            ):
                found[key] += f",{said}"
            of = f"listener.name.{name}."
            found |= {
                f"{of}ssl.keystore.type": "PEM",
                f"{of}ssl.keystore.location": str(made[name]),
                f"{of}ssl.truststore.type": "PEM",
                f"{of}ssl.truststore.location": str(self.authority.certificate),
                f"{of}ssl.client.auth": "required" if name == "mutual" else "none",
                f"{of}sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN,OAUTHBEARER",
                f"{of}oauthbearer.sasl.jaas.config": f"{_TOKENS} required;",
            }
            for each in ("scram-sha-512", "plain"):
                said = found[f"listener.name.client.{each}.sasl.jaas.config"]
                found[f"{of}{each}.sasl.jaas.config"] = said
        return found

    def _certificate(self, name: str, **more: Any) -> Path:
        path = self.authority.leaf(name, name, **more)
        both = path.with_suffix(".pem")
        both.write_text(path.with_suffix(".key").read_text() + path.with_suffix(".crt").read_text())
        return both

    def being(self, user: str) -> Settings:
        """Settings of a user at the stack's own listener."""
        here = self.settings.model_copy(update={"bootstrap_servers": self.bootstrap_servers})
        return users.being(here, user)

    def over(self, listener: str, **said: Any) -> Settings:
        """Settings of somebody who comes by another listener, over TLS."""
        given: dict[str, Any] = {"tls": True, "ca_file": self.authority.certificate} | said
        servers = {"bootstrap_servers": self.servers[listener]}
        return self.settings.model_copy(update=servers | {"broker": BrokerSettings(**given)})

    def make(self, name: str, rights: Iterable[Right] = ()) -> Settings:
        """A user with these rights and no others, once the broker knows; returns who is it."""
        chief, wanted = self.being(users.ADMIN), [Principal(name, tuple(rights))]
        scram.secure(chief, wanted)
        until(lambda: acls.apply(chief, wanted) == [], "the broker to know the rights")
        me = self.being(name)
        until(lambda: kafka.reachable(me, 1.0) is not None, "the broker to know the user")
        return me


def bearer(subject: str, seconds: float) -> str:
    """A token that the broker's test validator takes: it is not signed."""

    def part(said: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()

    now = time.time()
    claims: dict[str, object] = {"sub": subject, "iat": now, "exp": now + seconds}
    return f"{part({'alg': 'none'})}.{part(claims)}."
