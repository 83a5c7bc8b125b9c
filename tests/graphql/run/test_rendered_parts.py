"""The cache of rendered parts is bounded for all operations."""

from catalograph.graphql.run.projection import RenderedParts


def test_renderings_of_few_records_are_bounded() -> None:
    parts = RenderedParts(max_bytes=10_000)
    record = object()

    for number in range(1_000):
        rendered = bytes(100)
        parts.of(record)[number] = rendered
        parts.count(rendered)

    cached = [one for _, by_part in parts.slots.values() for one in by_part.values()]
    assert 0 < sum(map(len, cached)) <= 10_000
