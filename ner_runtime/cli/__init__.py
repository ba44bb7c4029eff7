"""The `raner` command: one module per command or group of commands, assembled in `app`."""
