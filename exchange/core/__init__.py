"""What every room stands on and nothing of the trade: transactions, time, money, events, errors, files."""
