"""What the tuner writes: reports and a `.env` file."""
