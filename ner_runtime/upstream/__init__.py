"""The parts of other packages that those packages do not promise to keep."""
