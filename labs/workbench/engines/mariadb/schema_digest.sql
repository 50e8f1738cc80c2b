-- Everything that defines the schema's tables, one line each, without the schema's own name.
SELECT CONCAT_WS(' ', 'column', table_name, ordinal_position, column_name, column_type, is_nullable,
                 COALESCE(column_default, '-'), COALESCE(collation_name, '-'), extra,
                 COALESCE(REPLACE(generation_expression, :schema, ''), '-')) AS line
FROM information_schema.columns WHERE table_schema = :schema
UNION ALL
SELECT CONCAT_WS(' ', 'table', table_name, table_type, COALESCE(engine, '-'), COALESCE(table_collation, '-'),
                 create_options)
FROM information_schema.tables WHERE table_schema = :schema
UNION ALL
SELECT CONCAT_WS(' ', 'index', table_name, index_name, seq_in_index, COALESCE(column_name, '-'), non_unique,
                 COALESCE(sub_part, '-'), COALESCE(collation, '-'), index_type)
FROM information_schema.statistics WHERE table_schema = :schema
UNION ALL
SELECT CONCAT_WS(' ', 'foreign key', k.table_name, k.constraint_name, k.ordinal_position, k.column_name,
                 IF(k.referenced_table_schema = :schema, '', k.referenced_table_schema), k.referenced_table_name,
                 k.referenced_column_name, r.update_rule, r.delete_rule)
FROM information_schema.key_column_usage AS k
JOIN information_schema.referential_constraints AS r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
     AND r.table_name = k.table_name
WHERE k.table_schema = :schema AND k.referenced_table_name IS NOT NULL
UNION ALL
SELECT CONCAT_WS(' ', 'check', constraint_name, REPLACE(check_clause, :schema, ''))
FROM information_schema.check_constraints WHERE constraint_schema = :schema
UNION ALL
SELECT CONCAT_WS(' ', 'trigger', event_object_table, trigger_name, action_timing, event_manipulation, action_order,
                 REPLACE(action_statement, :schema, ''))
FROM information_schema.triggers WHERE trigger_schema = :schema
UNION ALL
SELECT CONCAT_WS(' ', 'view', table_name, REPLACE(view_definition, :schema, ''), check_option)
FROM information_schema.views WHERE table_schema = :schema
