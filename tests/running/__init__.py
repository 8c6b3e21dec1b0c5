"""The house as a person starts it: real processes, real signals."""
