"""RaNER runtime: people, places and organisations in Chinese text."""
