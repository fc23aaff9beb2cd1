"""Which record of one system is which record of the other.  Pure: records in, pairs out."""
