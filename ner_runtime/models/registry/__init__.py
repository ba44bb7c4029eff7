"""The store of imported models and the pointer to the active one."""
