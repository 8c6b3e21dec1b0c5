"""The escrow ledger: money moves only as postings, and never disappears."""
