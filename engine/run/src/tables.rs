//! Tables: the same rows as Parquet and as CSV.
