"""Work on a server without a break: drain, undrain, rebalance, upgrade engines."""
