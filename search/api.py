"""Searching over the API: listings, and what one may be about to type."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext

from exchange.api import Blueprint
from exchange.web.access import public
from search import conditions, current, results, wording
from search.engine import SearchDown
from search.results import Results, Row
from search.schemas import SearchArgs, SearchPage, SuggestArgs, Suggestions

blp = Blueprint("search_api", __name__, url_prefix="/search", description="Finding listings")


@blp.get("")
@blp.arguments(SearchArgs, location="query")
@blp.response(200, SearchPage)
@public
def find(args: dict[str, Any]) -> dict[str, Any]:
    """Listings on offer that match. Public."""
    chosen = {name: _words(args[name]) for name in conditions.NAMES if args.get(name)}
    found = results.find(
        args["q"],
        chosen,
        sort=args["sort"],
        cursor=args["cursor"],
        limit=args["limit"],
        facets=args["facets"],
    )
    return _page(found)


@blp.get("/suggestions")
@blp.arguments(SuggestArgs, location="query")
@blp.response(200, Suggestions)
@public
def suggest(args: dict[str, Any]) -> dict[str, Any]:
    """Titles and owners that begin with what was typed, in any script. Public. Empty while the index is away."""
    try:
        return {"items": current().suggest(args["q"], limit=args["limit"])}
    except SearchDown:
        return {"items": []}


def _words(value: Any) -> list[str]:
    if isinstance(value, list):
        return value
    return ["1"] if value is True else [str(value)]


def _page(found: Results) -> dict[str, Any]:
    return {
        "items": [_item(row) for row in found.rows],
        "next": found.next,
        "total": found.total,
        "exact": found.exact,
        "reading": found.reading.value,
        "matched_percent": found.matched_percent,
        "total_strict": found.total_strict,
        "facets": {
            name: [
                {
                    "value": bucket.value,
                    "label": gettext(wording.value_name(name, bucket.value)),
                    "count": bucket.count,
                    "selected": bucket.selected,
                }
                for bucket in facet.buckets
            ]
            for name, facet in found.facets.items()
        },
        "source": "index" if found.from_index else "database",
    }


def _item(row: Row) -> dict[str, Any]:
    return {
        "ref": row.ref,
        "title": row.plain_title,
        "marked_title": [segment._asdict() for segment in row.title],
        "match": None
        if row.match is None
        else {"where": gettext(row.match[0]), "segments": [segment._asdict() for segment in row.match[1]]},
        "kind": row.kind.value,
        "deal": row.deal,
        "price": row.price_fen,
        "number": row.number,
        "rights": row.rights,
        "owners": row.owners,
        "statuses": [status.value for status in row.statuses],
        "burdens": [burden.value for burden in row.burdens],
        "seller": row.seller_ref,
        "expires_on": row.until,
        "published_at": row.published_at,
    }
