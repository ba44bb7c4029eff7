"""Define the network (encoder, CRF and tagger), and read and write its weights."""
