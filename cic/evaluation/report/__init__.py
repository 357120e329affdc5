"""How findings are shown: sentences, figures, sections and the page."""
