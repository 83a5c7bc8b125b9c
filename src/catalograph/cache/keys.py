"""Every key in one place, with namespace and version.

A key is `catalograph:<version>:<kind>:<partition>:<rest>`. The partition is empty where all
callers see the catalogue with the server's token. Otherwise it stands for one caller's
token, so that an entry of one token is never found under the key of another.
"""

import hashlib

import msgspec

from catalograph.catalogue.filter import EVERYTHING
from catalograph.catalogue.query import ModelsPage, ModelsQuery
from catalograph.catalogue.side_tables import SideTable

_FORMAT = 2
"""Version of the encoding; the schema of the value is versioned separately, see below."""


def _without_prose(schema: object) -> object:
    """Remove the descriptions from a JSON schema: docstrings do not change the encoding."""
    match schema:
        case dict():
            return {
                name: _without_prose(part)
                for name, part in schema.items()
                if not (name == "description" and isinstance(part, str))
            }
        case list():
            return [_without_prose(part) for part in schema]
        case _:
            return schema


# Replicas of two releases share one Redis during a rolling restart. A change to the records
# changes the version of every key, so neither reads what the other wrote.
_SHAPE = hashlib.blake2b(
    repr(_without_prose(msgspec.json.schema(tuple[ModelsPage, SideTable]))).encode(),
    digest_size=4,
).hexdigest()

PREFIX = f"catalograph:{_FORMAT}.{_SHAPE}"


def page_key(query: ModelsQuery, *, partition: str) -> str:
    """The key of one page of models, the same for all sections.

    Args:
        query: With a normalised filter, so that equal queries share one key.
        partition: Partition of the caller; empty for the gateway's own token.
    """
    which = "all" if query.filter == EVERYTHING else _digest(query.filter)
    window = f"{query.limit}+{query.offset}"
    return f"{PREFIX}:page:{partition}:{which}:{window}"


def index_key(partition: str) -> str:
    """The key of the whole catalogue as one partition sees it."""
    return f"{PREFIX}:index:{partition}:"


def table_key(kind: str, *, partition: str) -> str:
    """The key of one side table as one partition sees it."""
    return f"{PREFIX}:{kind}:{partition}:"


def is_of_one_caller(key: str) -> bool:
    """Whether the key of a page or an index belongs to a partition."""
    _, _, rest = key.removeprefix(f"{PREFIX}:").partition(":")
    return bool(rest.partition(":")[0])


def document_key(sha256: str) -> str:
    """The key of a persisted document; all callers share it.

    There are only 4,096 such keys, so that clients cannot fill the shared cache: a document
    replaces another one whose hash begins with the same three digits.

    Args:
        sha256: Of the document, 64 hexadecimal digits.
    """
    return f"{PREFIX}:document::{sha256[:3]}"


def lock_key(key: str) -> str:
    """The key of the lock of the process that asks the upstream for `key`."""
    return f"{key}|lock"


def failure_key(key: str) -> str:
    """The key of the upstream's last failure for `key`."""
    return f"{key}|failure"


def _digest(value: msgspec.Struct) -> str:
    """Hash all fields in their order to 128 bits: short and free of collisions."""
    return hashlib.blake2b(msgspec.msgpack.encode(value), digest_size=16).hexdigest()
