"""From a listing to its document: the same query for one listing and for all of them.

A document's version grows with every change of what it says: the listing's own counter above, below it what its
rights have gone through. So the index can refuse what is older without knowing why (search.md §3, Writes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, Protocol

from sqlalchemy import Select, func, select
from sqlalchemy.orm import selectinload

from exchange.core.db import session
from exchange.listings.models import LicenceKind, Listing, ListingItem, ListingKind, ListingStatus
from exchange.rights.fees import expiry_of
from exchange.rights.models import Encumbrance, Publication, Right, RightOwner
from search.engine import Document
from search.fields import Value
from search.plan import days

CHUNK = 300
_RIGHTS_BITS = 24
NO_BURDEN = "none"


def build(ids: Iterable[int]) -> list[Document]:
    """The documents of these listings as the database has them now; ids without a row are left out."""
    return [document for some in _chunks(sorted(set(ids))) for document in _build_some(some)]


def everything() -> Iterator[Document]:
    """The documents of all listings that are offered, by id, read in chunks."""
    for some in _chunks(_listed_ids()):
        yield from _build_some(some)


def versions() -> Iterator[tuple[int, int, bool]]:
    """(id, version, offered) of every listing, by id."""
    after = 0
    while True:
        query = select(Listing.id, Listing.version, Listing.status).where(Listing.id > after)
        rows = session.execute(query.order_by(Listing.id).limit(CHUNK)).all()
        if not rows:
            return
        after = rows[-1].id
        ages = _ages([row.id for row in rows])
        for id_, version, status in rows:
            yield id_, _version(version, ages[id_]), status is ListingStatus.LISTED


def _chunks(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), CHUNK):
        yield list(ids[start : start + CHUNK])


def _listed_ids() -> list[int]:
    return list(
        session.scalars(select(Listing.id).where(Listing.status == ListingStatus.LISTED).order_by(Listing.id))
    )


def _query(ids: Sequence[int]) -> Select[Listing]:
    right = selectinload(Listing.items).selectinload(ListingItem.right)
    return (
        select(Listing)
        .where(Listing.id.in_(ids))
        .order_by(Listing.id)
        .options(
            right.selectinload(Right.publications),
            right.selectinload(Right.owners),
            right.selectinload(Right.encumbrances),
        )
        .execution_options(populate_existing=True)
    )


def _build_some(ids: Sequence[int]) -> list[Document]:
    ages = _ages(ids)
    return [_document(listing, ages[listing.id]) for listing in session.scalars(_query(ids))]


def _ages(ids: Sequence[int]) -> Counter[int]:
    """For each listing a number that grows whenever one of its rights, or what hangs on it, changes.

    Burdens, owners and publications are never deleted but ended, so their counts only grow.
    """
    item = ListingItem.listing_id
    ages: Counter[int] = Counter()
    for query in (
        select(item, func.sum(Right.version)).join(Right, Right.id == ListingItem.right_id),
        select(item, func.count(Encumbrance.id) + func.count(Encumbrance.ended_on)).join(
            Encumbrance, Encumbrance.right_id == ListingItem.right_id
        ),
        select(item, func.count(RightOwner.id) + func.count(RightOwner.until)).join(
            RightOwner, RightOwner.right_id == ListingItem.right_id
        ),
        select(item, func.count(Publication.id)).join(
            Publication, Publication.right_id == ListingItem.right_id
        ),
    ):
        for listing_id, age in session.execute(query.where(item.in_(ids)).group_by(item)):
            ages[listing_id] += int(age or 0)
    return ages


def _version(own: int, age: int) -> int:
    return own << _RIGHTS_BITS | min(age, (1 << _RIGHTS_BITS) - 1)


def _document(listing: Listing, age: int) -> Document:
    offered = listing.status is ListingStatus.LISTED
    return Document(
        id=listing.id,
        ref=listing.ref,
        version=_version(listing.version, age),
        visible=offered,
        values=_values(listing) if offered else {},
    )


def words_of(listing: Listing) -> dict[str, Value]:
    """The fields by which listings are found to be alike."""
    rights = [item.right for item in listing.items]
    newest = [publication for right in rights if (publication := newest_publication(right)) is not None]
    return {
        "title": _texts(listing.title, *(right.title for right in rights)),
        "abstract": _texts(listing.summary, *(publication.abstract for publication in newest)),
    }


def _values(listing: Listing) -> dict[str, Value]:
    rights = [item.right for item in listing.items]
    newest = [publication for right in rights if (publication := newest_publication(right)) is not None]
    filed = [right.filed_on for right in rights if right.filed_on is not None]
    ends = [end for right in rights if (end := expiry_of(right)) is not None]
    return {
        **words_of(listing),
        "title_en": _texts(listing.title_en, *(right.title_en for right in rights)),
        "abstract_en": _texts(*(publication.abstract_en for publication in newest)),
        "claims": _texts(*(publication.main_claim for publication in newest)),
        "applicant": _texts(*(owner.name for right in rights for owner in right.owners)),
        "inventor": _texts(*(name for right in rights for name in right.inventors)),
        "number": _texts(listing.ref, *(number for right in rights for number in _numbers(right))),
        "ipc": _texts(*(code for right in rights for code in right.ipc)),
        "region": listing.region or listing.seller.region,
        "kind": _texts(*(right.kind for right in rights)),
        "listing": listing.kind.value,
        "deal": deal_mode(listing.kind, listing.licence_kind),
        "status": _texts(*(right.status.value for right in rights)),
        "burden": _texts(*(e.kind.value for right in rights for e in right.encumbrances)) or [NO_BURDEN],
        "maturity": listing.maturity,
        "seller": listing.seller.ref,
        "price": listing.price_fen,
        "filed": _first_day(filed),
        "expires": _first_day(ends),
        "listed": int(listing.published_at.timestamp()) if listing.published_at else None,
    }


def _texts(*values: str | None) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def _first_day(found: Sequence[date]) -> int | None:
    """The earliest of several days: a portfolio lasts as long as its shortest right."""
    return days(min(found)) if found else None


def _numbers(right: Right) -> Iterator[str]:
    yield right.ref
    yield right.key.rpartition(":")[2]
    if right.app_no:
        yield right.app_no
    for publication in right.publications:
        yield publication.number


class Published(Protocol):
    """What tells which of two publications is newer."""

    id: Any
    published_on: Any


def age_of(publication: Published) -> tuple[date, int]:
    """The newest publication of a right has the greatest: its text is shown and searched."""
    return publication.published_on or date.min, publication.id


def newest_publication(right: Right) -> Publication | None:
    """The publication whose text is shown and searched."""
    return max(right.publications, key=age_of, default=None)


def deal_mode(kind: ListingKind, licence_kind: LicenceKind | None) -> str:
    """How the right changes hands, with the kind of licence: ``transfer``, ``exclusive_licence``…"""
    if kind is ListingKind.LICENCE:
        return f"{(licence_kind or LicenceKind.ORDINARY).value}_licence"
    return str(kind.value)
