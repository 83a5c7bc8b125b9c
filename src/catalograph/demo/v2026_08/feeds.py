"""RSS and Atom feeds of a page of models."""

import datetime
import email.utils
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

from catalograph.demo.rows import parse_instant

FORMATS: Final = ("json", "rss", "atom")
"""Values of `format`."""

_TITLE = "Phaseo Gateway Models"
_SUBTITLE = "Gateway-served AI models available via Phaseo."
_XML = '<?xml version="1.0" encoding="UTF-8"?>'
_QUOTES = {'"': "&quot;", "'": "&apos;"}


def write_feed(
    kind: str, url: str, records: Sequence[Mapping[str, Any]], now: datetime.datetime
) -> bytes:
    """Write a page of models as a feed.

    Args:
        kind: `rss` or `atom`.
        url: Address of the request.
        records: Models as in the JSON response, in order.
        now: Date of a feed in which no model has a date.
    """
    dates = [_find_date(record) for record in records]
    newest = max((date for date in dates if date is not None), default=now)
    write = _write_rss if kind == "rss" else _write_atom
    return write(url, list(zip(records, dates, strict=True)), newest).encode()


def _write_rss(
    url: str,
    items: Sequence[tuple[Mapping[str, Any], datetime.datetime | None]],
    newest: datetime.datetime,
) -> str:
    written = "".join(
        f"<item><title>{_escape(record['name'])}</title>"
        f"<link>{_escape(_link(url, record))}</link>"
        f'<guid isPermaLink="false">{_escape(record["id"])}</guid>'
        + (f"<pubDate>{_http_date(date)}</pubDate>" if date else "")
        + f"<description>{_escape(record['description'])}</description></item>"
        for record, date in items
    )
    return (
        f'{_XML}<rss version="2.0"><channel><title>{_TITLE}</title>'
        f"<link>{_escape(url)}</link><description>{_SUBTITLE}</description>"
        f"<lastBuildDate>{_http_date(newest)}</lastBuildDate>"
        f"<generator>Phaseo Gateway API</generator>{written}</channel></rss>"
    )


def _write_atom(
    url: str,
    items: Sequence[tuple[Mapping[str, Any], datetime.datetime | None]],
    newest: datetime.datetime,
) -> str:
    written = "".join(
        f"<entry><id>{_escape(record['id'])}</id>"
        f"<title>{_escape(record['name'])}</title>"
        f"<updated>{_iso_date(date or newest)}</updated>"
        f"<summary>{_escape(record['description'])}</summary>"
        f'<link href="{_escape(_link(url, record))}"/></entry>'
        for record, date in items
    )
    return (
        f'{_XML}<feed xmlns="http://www.w3.org/2005/Atom"><title>{_TITLE}</title>'
        f"<id>{_escape(url)}</id><updated>{_iso_date(newest)}</updated>"
        f'<link rel="self" href="{_escape(url)}"/>'
        f"<subtitle>{_SUBTITLE}</subtitle>{written}</feed>"
    )


def _find_date(record: Mapping[str, Any]) -> datetime.datetime | None:
    return parse_instant(record["lifecycle"]["released_at"])


def _link(url: str, record: Mapping[str, Any]) -> str:
    return f"{url}#{urllib.parse.quote(record['id'], safe='')}"


def _http_date(date: datetime.datetime) -> str:
    return email.utils.format_datetime(date.astimezone(datetime.UTC), usegmt=True)


def _iso_date(date: datetime.datetime) -> str:
    utc = date.astimezone(datetime.UTC)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _escape(text: str) -> str:
    return escape(text, _QUOTES)
