"""From the first offer to the agreed sale: offers with counter-offers, and the deal they end in."""
