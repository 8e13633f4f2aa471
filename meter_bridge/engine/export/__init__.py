"""Export of segments to Parquet files, and retention."""
