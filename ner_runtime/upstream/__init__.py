"""Uses of private and undocumented parts of other packages."""
