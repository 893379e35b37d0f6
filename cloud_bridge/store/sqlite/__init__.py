"""The store on SQLite. One module per group of tables; `Database` is the file below them."""
