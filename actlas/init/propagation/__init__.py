"""How mean and variance travel through a network: signals, rules, and the walk."""
