"""The daily look at the legal status: which rights concern somebody here, and which sources are asked.

A right that is for sale, in an open flow, pledged or watched comes first; what is merely held follows while the day's
number lasts. Among equals those that waited longest come first (law.md §2.7, §9 invariants 9, 11, 55).
"""

from __future__ import annotations

import functools
from typing import Final

from sqlalchemy import Select, select, union

from exchange.core.config import Settings, settings
from exchange.deals.models import Deal, DealStatus
from exchange.listings.models import ListingItem
from exchange.parties.policy import SYSTEM, Actor
from exchange.rights import drop, feeds, ops
from exchange.rights.feeds import Breaker, FeedDown, Report
from exchange.rights.models import Encumbrance, EncumbranceKind, Holding, Watch

MOST: Final = 2000
"""Rights that are asked for on one day."""


def urgent() -> Select[int]:
    """Ids of rights that are listed, sold in a flow that is open, pledged or watched."""
    listed = select(ListingItem.right_id).where(ListingItem.live)
    selling = (
        select(ListingItem.right_id)
        .join(Deal, Deal.listing_id == ListingItem.listing_id)
        .where(Deal.status == DealStatus.AGREED)
    )
    pledged = select(Encumbrance.right_id).where(
        Encumbrance.kind == EncumbranceKind.PLEDGE, Encumbrance.ended_on.is_(None)
    )
    every = union(listed, selling, pledged, select(Watch.right_id)).subquery()
    return select(every.c.right_id)


def held() -> Select[int]:
    """Ids of rights that somebody holds here."""
    return select(Holding.right_id).where(Holding.ended_at.is_(None))


@functools.lru_cache(maxsize=4)
def _sources(_given: Settings) -> tuple[Breaker, ...]:
    """The sources of the settings, each with a breaker that lasts as long as the process."""
    found = [one for one in (drop.configured(), ops.configured()) if one is not None]
    return tuple(Breaker(one) for one in found)


def look(actor: Actor = SYSTEM, *, most: int = MOST) -> Report:
    """Ask the sources for at most ``most`` rights. Without a source it tells how many wait for people, and asks nobody.

    Raises ``FeedDown`` where no source gave a single answer and one failed, so that the timetable shows it.
    """
    ids = feeds.due_ids(urgent(), limit=most)
    if len(ids) < most:
        taken = set(ids)
        ids += [id_ for id_ in feeds.due_ids(held(), limit=most) if id_ not in taken][: most - len(ids)]
    report = feeds.refresh(actor, ids, _sources(settings()))
    if report.down and not report.answered:
        raise FeedDown("; ".join(report.down.values()))
    return report
