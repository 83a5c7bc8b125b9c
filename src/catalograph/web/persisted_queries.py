"""Persisted queries (registered by clients) and trusted documents (from a manifest)."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

import msgspec

from catalograph.errors import (
    CatalographError,
    ForbiddenError,
    PersistedQueryNotFoundError,
    UserInputError,
)
from catalograph.observability import metrics
from catalograph.web.replies import Refusal
from catalograph.web.request import Parameters, refuse

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_PREFIX: Final = "sha256:"


class PersistedDocuments(Protocol):
    """Documents by the SHA-256 of their text, stored when a client asks for it."""

    async def get(self, sha256: str) -> str | None:
        """Read a document; None if it is not stored, or no longer."""

    async def put(self, sha256: str, document: str) -> None:
        """Store a valid document; may fail silently."""


class TrustedDocuments:
    """The operations of a manifest, by id and by the hash of their text.

    Args:
        documents: Texts by id, as `read_manifest` gives them.
        mode: `require` refuses all others, `log` only marks them in the access log.
    """

    def __init__(
        self, documents: Mapping[str, str], mode: Literal["log", "require"]
    ) -> None:
        self.is_required = mode == "require"
        self._texts = frozenset(documents.values())
        self._by_id = dict(documents)
        for text in documents.values():
            self._by_id[hash_document(text)] = text

    def find(self, document_id: str) -> str | None:
        """Find a document by id or hash, with or without `sha256:` before it; None if unknown."""
        return self._by_id.get(document_id) or self._by_id.get(
            document_id.removeprefix(_PREFIX)
        )

    def holds(self, document: str) -> bool:
        """Whether exactly this text is in the manifest."""
        return document in self._texts


class Found(msgspec.Struct, frozen=True):
    """The document of a request.

    Attributes:
        text: GraphQL text.
        register_as: Hash under which to store it once it is valid; None: do not store it.
        is_trusted: Whether the manifest contains it; None without a manifest.
    """

    text: str
    register_as: str | None = None
    is_trusted: bool | None = None


class DocumentFinder:
    """Finds the document of a request, and refuses those that are not allowed.

    Args:
        persisted: Stores documents by hash; None stores none.
        trusted: The manifest; None: there is none.
    """

    def __init__(
        self,
        persisted: PersistedDocuments | None,
        trusted: TrustedDocuments | None = None,
    ) -> None:
        self._persisted = persisted
        self._trusted = trusted

    async def find(self, parameters: Parameters) -> Found:
        """Find the document of a request.

        Raises:
            Refusal: The hash does not match the text or is malformed, or the document is not
                trusted and only trusted ones are accepted.
            PersistedQueryNotFoundError: The request has no text, and none is stored for its id.
        """
        sha256 = _named_hash(parameters)
        if parameters.query is not None:
            return self._accept(parameters.query, sha256)
        document_id = sha256 or parameters.document_id or ""
        if self._trusted is not None:
            text = self._trusted.find(document_id)
            if text is not None:
                return Found(text, is_trusted=True)
            if self._trusted.is_required:
                raise _untrusted()
        text = None
        if sha256 and self._persisted is not None:
            text = await self._persisted.get(sha256)
        if text is None:
            raise PersistedQueryNotFoundError
        return Found(text, is_trusted=None if self._trusted is None else False)

    async def register(self, found: Found) -> None:
        """Store a document, so that clients can send only its hash."""
        if found.register_as is not None and self._persisted is not None:
            await self._persisted.put(found.register_as, found.text)

    def _accept(self, text: str, sha256: str | None) -> Found:
        if sha256 is not None and sha256 != hash_document(text):
            raise refuse("the hash is not the SHA-256 of `query`")
        if self._trusted is None:
            return Found(text, sha256)
        is_trusted = self._trusted.holds(text)
        if self._trusted.is_required and not is_trusted:
            raise _untrusted()
        return Found(text, None if is_trusted else sha256, is_trusted)


class ManifestError(CatalographError):
    """A manifest of trusted documents is invalid; the message says why."""


def read_manifest(content: bytes) -> dict[str, str]:
    """Read texts by id from Apollo's manifest format, or from Relay's.

    Apollo: `{"format": "apollo-persisted-query-manifest", "version": 1, "operations":
    [{"id", "name", "type", "body"}]}`. Relay: `{id: text}`.

    Raises:
        ManifestError: It has neither format.
    """
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ManifestError("the manifest is not JSON") from None
    if not isinstance(value, dict):
        raise ManifestError("the manifest is not a JSON object")
    if "format" in value and "operations" in value:
        return _read_apollo(value)
    if not all(isinstance(text, str) for text in value.values()):
        raise ManifestError("the manifest must hold a text for each id")
    return value


def hash_document(document: str) -> str:
    """Hash a document: SHA-256 in lower-case hexadecimal digits."""
    return hashlib.sha256(document.encode("utf-8", "surrogatepass")).hexdigest()


def _read_apollo(manifest: Mapping[str, Any]) -> dict[str, str]:
    wanted = ("apollo-persisted-query-manifest", 1)
    if (manifest["format"], manifest.get("version")) != wanted:
        raise ManifestError(
            "the manifest must be of format apollo-persisted-query-manifest, version 1"
        )
    operations = manifest["operations"]
    try:
        documents = {operation["id"]: operation["body"] for operation in operations}
    except (KeyError, TypeError):
        raise ManifestError("each operation must have an id and a body") from None
    if not all(isinstance(text, str) for pair in documents.items() for text in pair):
        raise ManifestError("each operation's id and body must be strings")
    return documents


def _named_hash(parameters: Parameters) -> str | None:
    """Read the SHA-256 of the document from `persistedQuery` or `documentId`; None without one."""
    persisted = parameters.extensions.get("persistedQuery")
    if persisted is not None:
        return _read_persisted_query(persisted)
    document_id = parameters.document_id
    if document_id is None:
        return None
    if document_id.startswith(_PREFIX):
        return _check_hash(document_id.removeprefix(_PREFIX), "`documentId`")
    if parameters.query is not None:
        raise refuse("give either `query` or `documentId`")
    return None


def _read_persisted_query(value: object) -> str:
    if not isinstance(value, dict):
        raise refuse("`extensions.persistedQuery` must be an object")
    if value.get("version") != 1:
        raise refuse("`extensions.persistedQuery.version` must be 1")
    return _check_hash(
        value.get("sha256Hash"), "`extensions.persistedQuery.sha256Hash`"
    )


def _check_hash(value: object, where: str) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise Refusal(
            400, UserInputError(f"{where} must be 64 lower-case hexadecimal digits")
        )
    return value


def _untrusted() -> Refusal:
    metrics.REFUSED.labels("trusted_documents").inc()
    return Refusal(
        403, ForbiddenError("only documents of the manifest are accepted here")
    )
