"""Parties, their people, the door, and what each may do."""
