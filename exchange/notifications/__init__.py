"""Who hears of what: notices in the inbox and mail that leaves the house."""
