"""Small data sets that travel with the package; README.md says where they come from."""
