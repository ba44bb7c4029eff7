"""Hide markup from the model: Markdown, HTML, URLs and e-mail addresses."""
