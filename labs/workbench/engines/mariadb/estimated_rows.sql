SELECT CAST(table_rows AS signed) FROM information_schema.tables
WHERE table_schema = database() AND table_name = :table
