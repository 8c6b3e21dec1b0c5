"""Habits worth keeping, as tests: each looks at the tree itself and names the line that breaks it."""
