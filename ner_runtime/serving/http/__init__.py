"""The HTTP layer around BentoML: the edge, admission, bodies, clients, CORS and pages."""
