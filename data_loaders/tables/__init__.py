"""Tables of a source, from files or a database, read by the columns and rows that are needed."""
