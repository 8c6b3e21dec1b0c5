"""Offers to the public: rights listed for transfer or licence, their review, publicity and publication."""
