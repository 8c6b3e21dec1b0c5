"""The proof: real parts, real verbs, both databases, both engines, a real browser."""
