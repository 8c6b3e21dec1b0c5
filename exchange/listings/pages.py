"""The pages of the room: the home page and a listing for everybody, the seller's side, the reviewer's."""

from __future__ import annotations

from exchange.listings import public, reviews, wizard
from exchange.listings.faces import bp
from exchange.listings.public import sitemap

__all__ = ["bp", "public", "reviews", "sitemap", "wizard"]
