"""Tables as files: CSV, XLSX and Parquet of the same rows."""
