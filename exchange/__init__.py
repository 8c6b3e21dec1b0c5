"""The marketplace: rights, listings, deals, money, and the Flask app that carries all three packages."""
