"""What is found about a model, as sections of words, tables and charts: the same for a report and for the analyst's page."""
