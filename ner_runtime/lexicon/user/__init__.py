"""User lexicons: names that the user declares to be entities, or not to be."""
