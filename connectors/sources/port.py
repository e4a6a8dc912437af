"""What is followed, by its address, and how a bucket is reached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, SecretStr

from processors.documents.sources import Source
from streams.flow.errors import UserError
from streams.flow.section import Section

if TYPE_CHECKING:
    from obstore.store import ObjectStore

GIT = "git+"
BUCKETS = "s3://"
TIMEOUT_S, RETRIES = 30, 3


class BucketSettings(Section):
    """An S3-compatible store; unset: Amazon's, with the keys that its own tools find."""

    section: ClassVar[str] = "bucket"

    endpoint: str = Field(default="", description="Of a store other than Amazon's")
    region: str = Field(default="us-east-1")
    key_id: str = Field(
        default="", description="The access key's id; empty: AWS_* variables, or the machine's role"
    )
    secret: SecretStr = Field(default=SecretStr(""), description="The access key's secret")
    secret_file: Path | None = Field(
        default=None, description="A file that holds it, read whenever the bucket is opened"
    )
    anonymous: bool = Field(default=False, description="The bucket is open to everybody")
    ca_file: Path | None = Field(
        default=None, description="The authority of the store's certificate"
    )


def source(where: str, settings: BucketSettings, data: Path, name: str = "") -> Source:
    """A folder, `git+URL#REFERENCE`, or `s3://BUCKET/PREFIX`; opens nothing.

    Raises:
        UserError: it is none of these.
    """
    if where.startswith(GIT):
        from connectors.sources.repository import Repository

        url, _, reference = where.removeprefix(GIT).partition("#")
        return Repository(url, reference, data / "followed", name)
    if where.startswith(BUCKETS):
        from connectors.sources.bucket import Bucket

        return Bucket(lambda: _store(settings, where), where, name)
    if "://" in where:
        raise UserError(
            f"{where} is neither a folder, nor {GIT}URL, nor {BUCKETS}BUCKET: name one of these"
        )
    from connectors.sources.folder import Folder

    return Folder(Path(where), name)


def _store(settings: BucketSettings, where: str) -> ObjectStore:
    try:
        from obstore.store import S3Store
    except ImportError:
        raise UserError("a bucket needs obstore: pip install 'millrace[feeds]'") from None
    client: Any = {"timeout": f"{TIMEOUT_S}s"}
    config: dict[str, Any] = {"region": settings.region}
    if settings.endpoint:
        config["endpoint"] = settings.endpoint
        client["allow_http"] = settings.endpoint.startswith("http://")
    if settings.ca_file is not None:
        client["root_certificate"] = _read("CA_FILE", settings.ca_file)
    if settings.anonymous:
        config["skip_signature"] = True
    elif settings.key_id:
        secret = settings.secret.get_secret_value()
        if settings.secret_file is not None:
            secret = _read("SECRET_FILE", settings.secret_file).strip()
        config |= {"access_key_id": settings.key_id, "secret_access_key": secret}
    bucket = where.removeprefix(BUCKETS).partition("/")[0]
    try:
        # Who follows looks again by itself: a call need not be tried for minutes.
        tries: Any = {"max_retries": RETRIES}
        return S3Store(bucket, client_options=client, retry_config=tries, **config)
    except Exception as error:
        raise UserError(
            f"the bucket {bucket} cannot be opened ({str(error).partition(chr(10))[0]}): check "
            "MILLRACE_BUCKET__*"
        ) from None


def _read(variable: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"MILLRACE_BUCKET__{variable}: {file} cannot be read: {error}") from None
