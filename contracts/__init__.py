"""Technology contracts and ownership-change filings: the one-stop flow from an agreed deal to a recorded, paid one."""
