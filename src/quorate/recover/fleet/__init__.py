"""A fleet whose servers are all lost: from the off-site repository and its key to all of it."""
