"""The queries, and the right answers, which are computed from those of the upstream.

All contenders get exactly the same bytes.
"""

import json
import random
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

_MODEL: Final = (
    "modelId",
    "name",
    "releaseDate",
    "statusLabel",
    "organisation{organisationId}",
    "aliases",
    "endpoints{endpointId}",
    "inputModalities",
    "outputModalities",
)
_TYPICAL: Final = ("provider{providerId name}", "endpoint{endpointId}")
_FULL: Final = (
    "provider{providerId name link countryCode}",
    "endpoint{endpointId}",
    "providerModelSlug",
    "isRoutable",
    "inputModalities",
    "outputModalities",
    "effectiveFrom",
    "effectiveTo",
)
_VARIED_ORGANISATIONS: Final = 20
_VARIED_OFFSETS: Final = 5
_DISTINCT_DOCUMENTS: Final = 40_000

Json = dict[str, Any]


class Selection(NamedTuple):
    """The selected fields of a model and of its offerings; empty selects no offerings."""

    model: Sequence[str]
    offering: Sequence[str] = ()

    def __str__(self) -> str:
        """Write it as GraphQL."""
        offerings = f" offerings{{{' '.join(self.offering)}}}" if self.offering else ""
        return " ".join(self.model) + offerings


BRIEF: Final = Selection(("modelId", "name"))
TYPICAL: Final = Selection(_MODEL, _TYPICAL)
FULL: Final = Selection(_MODEL, _FULL)


class Query(NamedTuple):
    """One kind of query.

    Attributes:
        name: `Q1` and so on.
        title: Description in the report.
        limit: Number of models on the page.
        selection: The selected fields.
    """

    name: str
    title: str
    limit: int
    selection: Selection

    def document(self) -> str:
        """Write the document, without variables."""
        return f"{{{_page(f'limit:{self.limit}', self.selection)}}}"

    def payloads(self, seed: int) -> list[bytes]:
        """Build the bodies of requests, which are sent in turn.

        Args:
            seed: Seed of the random documents of Q5; other queries ignore it.
        """
        if self.name == "Q4":
            return _vary(self)
        if self.name == "Q5":
            return _make_distinct(self, seed)
        return [encode(self.document())]

    def expected(self, page: Json) -> Json:
        """Build the right `data` for a page of the upstream."""
        nodes = [_build_model(row, self.selection) for row in page["models"]]
        counts = {
            "totalCount": page["total"],
            "limit": page["limit"],
            "offset": page["offset"],
        }
        return {"models": counts | {"nodes": nodes}}


QUERIES: Final = (
    Query("Q1", "50 models, id and name", 50, BRIEF),
    Query("Q2", "50 models, typical", 50, TYPICAL),
    Query("Q3", "250 models, everything", 250, FULL),
    Query("Q4", "as Q2, 200 sets of variables", 50, TYPICAL),
    Query("Q5", "20 models, every document distinct", 20, TYPICAL),
)


PRICED: Final = (
    f"{{models(limit:50){{totalCount limit offset nodes{{{' '.join(_MODEL)} "
    "inputPrice outputPrice "
    f"offerings{{{' '.join(_TYPICAL)} inputPrice outputPrice}}}}}}}}"
)
"""Q2 with all prices."""


def query_page(limit: int) -> Query:
    """Build the query for one page size, with all fields."""
    return Query(f"P{limit}", f"{limit} a page", limit, FULL)


def encode(document: str, variables: Json | None = None) -> bytes:
    """Build the body of a request."""
    body: Json = {"query": document}
    if variables is not None:
        body["variables"] = variables
    return json.dumps(body, separators=(",", ":")).encode()


def _page(arguments: str, selection: Selection) -> str:
    return f"models({arguments}){{totalCount limit offset nodes{{{selection}}}}}"


def _vary(query: Query) -> list[bytes]:
    arguments = f"limit:{query.limit} offset:$offset filter:{{organisations:$in}}"
    page = _page(arguments, query.selection)
    document = f"query Varied($in:[String!],$offset:Int){{{page}}}"
    bodies = []
    for number in range(_VARIED_ORGANISATIONS):
        for turn in range(_VARIED_OFFSETS):
            narrow = {"in": [f"org-{number:02}"], "offset": turn * 3}
            wide = {"in": None, "offset": (number * _VARIED_OFFSETS + turn) * 5}
            bodies += [encode(document, narrow), encode(document, wide)]
    return bodies


def vary_widely(query: Query, count: int, seed: int) -> list[bytes]:
    """Build that many different sets of variables of Q4, all for a full page.

    Each names half of the organisations, so that every set takes the same work.
    """
    dice = random.Random(seed)  # noqa: S311 - no secret depends on it
    document = json.loads(_vary(query)[0])["query"]
    names = [f"org-{number:02}" for number in range(60)]
    return [
        encode(document, {"in": dice.sample(names, 30), "offset": dice.randrange(50)})
        for _ in range(count)
    ]


def _make_distinct(query: Query, seed: int) -> list[bytes]:
    """Build documents that differ in operation name, alias and order of fields."""
    dice = random.Random(seed)  # noqa: S311 - no secret depends on it

    def shuffle(fields: Sequence[str]) -> Sequence[str]:
        return dice.sample(fields, len(fields))

    bodies = []
    for _ in range(_DISTINCT_DOCUMENTS):
        tag = f"{dice.getrandbits(60):x}"
        selection = Selection(
            shuffle(query.selection.model), shuffle(query.selection.offering)
        )
        page = _page(f"limit:{query.limit}", selection)
        bodies.append(encode(f"query Q{tag}{{a{tag}:{page}}}"))
    return bodies


def _build_model(row: Json, selection: Selection) -> Json:
    gateway, data, organisation = row["gateway"], row["data"], row["organisation"]
    model = {
        "modelId": row["model_id"],
        "name": row["name"],
        "releaseDate": row["release_date"] and row["release_date"][:10],
        "statusLabel": row["status"],
        "organisation": organisation
        and {"organisationId": organisation["organisation_id"]},
        "aliases": row["aliases"],
        "endpoints": [{"endpointId": one} for one in gateway["endpoints"]],
        "inputModalities": data["input_types"],
        "outputModalities": data["output_types"],
    }
    chosen: Json = {name: model[name] for name in map(_name, selection.model)}
    if selection.offering:
        chosen["offerings"] = [
            _build_offering(one, selection) for one in gateway["providers"]
        ]
    return chosen


def _build_offering(row: Json, selection: Selection) -> Json:
    provider = {
        "providerId": row["api_provider_id"],
        "name": row["api_provider_name"],
        "link": row["link"],
        "countryCode": row["country_code"],
    }
    asked = selection.offering[0].partition("{")[2].rstrip("}").split()
    offering = {
        "provider": {name: provider[name] for name in asked},
        "endpoint": {"endpointId": row["endpoint"]},
        "providerModelSlug": row["provider_model_slug"],
        "isRoutable": row["is_active_gateway"],
        "inputModalities": row["input_modalities"],
        "outputModalities": row["output_modalities"],
        "effectiveFrom": _instant(row["effective_from"]),
        "effectiveTo": _instant(row["effective_to"]),
    }
    return {name: offering[name] for name in map(_name, selection.offering)}


def _name(field: str) -> str:
    return field.partition("{")[0]


def _instant(text: str | None) -> str | None:
    return f"{text[:19]}Z" if text else None
