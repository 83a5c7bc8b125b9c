"""Versions side by side: telling them apart, and adding one."""

import ast
from collections.abc import Mapping
from pathlib import Path

import httpx
import msgspec
import pytest

import catalograph
from catalograph.catalogue.filter import EVERYTHING, ModelsFilter
from catalograph.catalogue.query import FULL, ModelsQuery, Sections
from catalograph.catalogue.records import Model
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.versions import VERSIONS, Version, Versions
from catalograph.upstream.versions.dialect import Dialect, Parameter
from catalograph.upstream.versions.making import RecordMaker
from catalograph.upstream.versions.version import Id
from upstream.fake_time import OURS, FakeUpstream, build_page

OLD_ROW = {"model_id": "a/b", "data": {}, "gateway": {}}
NEW_ROW = {"id": "a/b", "lifecycle": {}, "offers": []}
NEW_PHRASE = "availability=all&limit=50&offset=0"


def called(upstream: FakeUpstream) -> list[str]:
    """Return the query strings that were sent."""
    return [request.url.query.decode() for request in upstream.requests]


async def test_the_first_request_is_one_that_every_version_understands() -> None:
    upstream = FakeUpstream(build_page(NEW_ROW), release="auto")
    asked = ModelsFilter(endpoints=("text.generate",), organisations=("a",))

    page = await upstream.fetch(ModelsQuery(filter=asked))

    assert page.version == "2026-08"
    assert called(upstream) == [
        (
            "availability=all&organisation=a&endpoints=text.generate"
            "&include_endpoints=text.generate&include_data=false&include_gateway=false"
            "&limit=50&offset=0"
        )
    ]


@pytest.mark.parametrize(
    ("token", "sent"),
    [
        ("aistats_v1_k_a_b", "limit=50&offset=0"),
        ("phaseo_v1_sk_a_b", NEW_PHRASE),
        ("aistats_v1_sk_a_b", NEW_PHRASE),
        ("anything", NEW_PHRASE),
        (None, NEW_PHRASE),
    ],
)
async def test_a_key_of_only_one_release_determines_the_dialect(
    token: str | None, sent: str
) -> None:
    upstream = FakeUpstream(build_page(), token=token, release="auto")

    await upstream.fetch(ModelsQuery(sections=FULL))

    assert called(upstream) == [sent]


async def test_a_version_that_has_changed_is_asked_again_in_its_dialect() -> None:
    upstream = FakeUpstream(build_page(NEW_ROW), release="auto")

    page = await upstream.client.fetch_page(
        ModelsQuery(sections=FULL), version="2025-12 sectioned"
    )

    assert page.version == "2026-08"
    assert called(upstream) == ["limit=50&offset=0", NEW_PHRASE]


async def test_an_older_version_answers_what_the_newer_was_asked() -> None:
    upstream = FakeUpstream(build_page(OLD_ROW), release="auto")

    page = await upstream.client.fetch_page(
        ModelsQuery(sections=FULL), version="2026-08"
    )

    assert page.version == "2025-12 sectioned"
    assert called(upstream) == [NEW_PHRASE]


async def test_an_empty_page_shows_its_version_by_an_echo() -> None:
    old = await FakeUpstream(build_page(), release="auto").fetch()
    new = await FakeUpstream(
        build_page(availability_mode="all"), release="auto"
    ).fetch()

    assert (old.version, new.version) == (None, "2026-08")


async def test_a_release_that_was_not_named_is_not_read() -> None:
    with pytest.raises(ValueError, match="no version of the upstream is called 2024"):
        Versions("2024")


def test_names_are_unique() -> None:
    assert len({version.name for version in VERSIONS}) == len(VERSIONS)


def test_no_other_module_names_a_version() -> None:
    """Else the next version would be more than one module. The demo serves two on purpose."""
    package = Path(catalograph.__file__).parent
    own = (package / "upstream/versions", package / "demo")
    words = {
        word
        for version in VERSIONS
        for word in (version.name, version.release, version.address)
    }
    words |= {prefix for version in VERSIONS for prefix in version.key_prefixes}

    named = {
        (str(path.relative_to(package)), node.value)
        for path in package.rglob("*.py")
        if not any(path.is_relative_to(folder) for folder in own)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in words
    }

    assert named == set()


# A made-up version


class ModelWire(msgspec.Struct, frozen=True):
    """A row of the version that is yet to come."""

    slug: Id
    title: str | None = None


class Next(Version[ModelWire]):
    """Adding a version takes this class, and nothing else."""

    name = "2027-01"
    release = "2027-01"
    address = "https://upstream.test/v1"
    row_type = ModelWire
    dialect = Dialect(
        parameters={"organisations": (Parameter(name="maker"),)},
        constants=(("all", "yes"),),
        max_offset=100,
    )

    def recognises(self, row: Mapping[str, msgspec.Raw]) -> bool:
        """By its slug."""
        return "slug" in row

    def sections_of(self, row: ModelWire) -> Sections:
        """None."""
        del row
        return Sections()

    def build(self, row: ModelWire, sections: Sections, make: RecordMaker) -> Model:
        """Little is known."""
        del sections, make
        return Model(model_id=row.slug, name=row.title)


async def test_a_new_version_is_one_more_module() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.query.decode())
        return build_page({"slug": "a/b", "title": "B"})

    client = UpstreamClient(
        base_url="https://upstream.test/v1",
        token=OURS,
        versions=Versions(known=(*VERSIONS, Next())),
        transport=httpx.MockTransport(answer),
    )
    query = ModelsQuery(filter=ModelsFilter(organisations=("a",)))
    first = await client.fetch_page(query)
    second = await client.fetch_page(query, version=first.version)
    dialect = client.choose_dialect(first.version)
    await client.aclose()

    assert first.models == (Model(model_id="a/b", name="B"),)
    assert (first.version, first.ignored_filters) == ("2027-01", ())
    assert second == msgspec.structs.replace(first, as_of_s=second.as_of_s)
    assert asked == [
        (
            "availability=all&all=yes&organisation=a&maker=a&include_data=false"
            "&include_gateway=false&limit=50&offset=0"
        ),
        "all=yes&maker=a&limit=50&offset=0",
    ]
    assert dialect.can_ask(query)
    assert not dialect.can_ask(ModelsQuery(filter=ModelsFilter(providers=("a",))))
    assert not dialect.can_ask(ModelsQuery(filter=EVERYTHING, offset=101))
