-- Everything that defines the schema's tables, as one text in a fixed order, then one checksum of it.
SELECT md5(coalesce(string_agg(line, E'\n' ORDER BY line COLLATE "C"), '')) AS digest
FROM (
    SELECT format('column %s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                  a.attnotnull, replace(coalesce(pg_get_expr(d.adbin, d.adrelid), ''), :schema, '')) AS line
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = to_regnamespace(:schema) AND c.relkind IN ('r', 'p', 'v', 'm')
    UNION ALL
    SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint
    WHERE connamespace = to_regnamespace(:schema) AND (contype <> 'n' OR NOT convalidated)
    -- NOT NULL is a constraint from 18 on; the columns have it already, but not that it is not valid
    UNION ALL
    SELECT format('index %s%s', replace(pg_get_indexdef(i.indexrelid), :schema, ''),
                  CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END)
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE c.relnamespace = to_regnamespace(:schema)
    UNION ALL
    SELECT format('function %s', replace(pg_get_functiondef(oid), :schema, ''))
    FROM pg_proc WHERE pronamespace = to_regnamespace(:schema) AND prokind IN ('f', 'p')
    UNION ALL
    SELECT format('trigger %s', replace(pg_get_triggerdef(t.oid), :schema, ''))
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE c.relnamespace = to_regnamespace(:schema) AND NOT t.tgisinternal
) AS definition
