"""The pages of the room: the door, one's own account, one's organisation, parties."""

from __future__ import annotations

from exchange.parties import account, door, organisation, register
from exchange.parties.faces import bp

__all__ = ["account", "bp", "door", "organisation", "register"]
