"""What an HTTP service needs beside BentoML: the edge, the shapes of requests and answers, pages and metrics."""
