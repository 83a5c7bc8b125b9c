"""The known versions of the upstream. A new one is a new module and a line in `VERSIONS`."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from catalograph.upstream.versions.august_2026 import August2026
from catalograph.upstream.versions.dialect import Dialect, combine
from catalograph.upstream.versions.documented import Documented
from catalograph.upstream.versions.later_flat import LaterFlat
from catalograph.upstream.versions.sectioned import Sectioned
from catalograph.upstream.versions.version import Version

__all__ = [
    "AUTO",
    "VERSIONS",
    "Dialect",
    "Version",
    "Versions",
]

AUTO: Final = "auto"
"""Value of `UPSTREAM_VERSION` that accepts every release."""

# Order matters: the first version that recognises a row wins, so the more specific come first.
VERSIONS: Final[tuple[Version[Any], ...]] = (
    August2026(),
    Sectioned(),
    LaterFlat(),
    Documented(),
)

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Versions:
    """The versions that an upstream may have.

    Args:
        release: As the setting `UPSTREAM_VERSION` names it, or `auto` for all.
        known: All versions to choose from.

    Raises:
        ValueError: No version belongs to this release.
    """

    def __init__(
        self, release: str = AUTO, *, known: Sequence[Version[Any]] = VERSIONS
    ) -> None:
        self.release = release
        self.candidates: Final = tuple(
            version for version in known if release in (AUTO, version.release)
        )
        if not self.candidates:
            raise ValueError(f"no version of the upstream is called {release}")
        self._by_name: Final = {one.name: one for one in self.candidates}
        self._any: Final = combine(version.dialect for version in self.candidates)

    def find(self, name: str | None) -> Version[Any] | None:
        """Find a version by its name; None if it is not a candidate."""
        return None if name is None else self._by_name.get(name)

    def find_release(self, name: str | None) -> str | None:
        """Find the release of a version, by its name; None if it is not a candidate."""
        found = self.find(name)
        return None if found is None else found.release

    def choose_dialect(self, name: str | None, token: str | None) -> Dialect:
        """Choose the dialect of a request.

        Args:
            name: Name of the version that answered last; None before the first answer.
            token: Token of the request; None without one.

        Returns:
            The dialect of that version. Before the first answer: that of the version whose
            keys have the prefix of the token, or else one that all versions understand.
        """
        known = self.find(name)
        if known is not None:
            return known.dialect
        if len({one.release for one in self.candidates}) == 1:
            return self.candidates[0].dialect
        for version in self.candidates:
            if token and token.startswith(version.key_prefixes):
                return version.dialect
        return self._any

    def recognise(self, rows: Iterable[msgspec.Raw]) -> Version[Any] | None:
        """Recognise the version of a page by the fields of its rows.

        The first row that shows a version decides. Rows with a `model_id` that show none
        belong to a version with optional sections, if all sections are switched off and no
        organisation is given.

        Returns:
            The version; None when no row is a model of a candidate.
        """
        unmarked: Version[Any] | None = None
        for raw in rows:
            try:
                row = _FIELDS.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            for version in self.candidates:
                if version.recognises(row):
                    return version
            if unmarked is None and "model_id" in row:
                unmarked = next(
                    (one for one in self.candidates if one.dialect.section_switches),
                    None,
                )
        return unmarked

    def recognise_empty(self, body: bytes) -> Version[Any] | None:
        """Recognise the version of a page without models; None if nothing shows it."""
        try:
            envelope = _FIELDS.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return next(
            (one for one in self.candidates if one.recognises_page(envelope)), None
        )
