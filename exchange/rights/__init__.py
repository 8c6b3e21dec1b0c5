"""The register of rights on the exchange: what exists, whose it is, what burdens it, and until when."""
