"""How the page and the notebooks are served: to whom, by which processes, and what stays secret."""
