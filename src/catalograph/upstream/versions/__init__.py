"""The versions of the upstream; a new one is a new module here and a line in `VERSIONS`."""

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
"""The release that stands for all of them."""

# Of versions that share a mark the one with the stronger marks comes first.
VERSIONS: Final[tuple[Version[Any], ...]] = (
    August2026(),
    Sectioned(),
    LaterFlat(),
    Documented(),
)

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Versions:
    """The versions that an upstream may speak.

    Args:
        release: One that `UPSTREAM_VERSION` names, or `auto` for all.
        known: All that there are.

    Raises:
        ValueError: There is no such release.
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
        """Find a version by its name; None for one that is not among these."""
        return None if name is None else self._by_name.get(name)

    def find_release(self, name: str | None) -> str | None:
        """Tell what `UPSTREAM_VERSION` calls a version; None for one that is not known."""
        found = self.find(name)
        return None if found is None else found.release

    def choose_dialect(self, name: str | None, token: str | None) -> Dialect:
        """Choose how to ask.

        Args:
            name: Of the version that answered last; None before the first answer.
            token: That goes with the request.

        Returns:
            The dialect of that version. Before the first answer: that of the version which
            alone takes keys of the token's form, or else one that all versions understand.
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
        """Tell the version of a page from its first row that bears a mark of one.

        Rows without any mark are those of a version with sections, all of them left out
        and no organisation known. None when no row is a model of a known version.
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
        """Tell the version of a page without models; None when it bears no mark of any."""
        try:
            envelope = _FIELDS.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return next(
            (one for one in self.candidates if one.recognises_page(envelope)), None
        )
