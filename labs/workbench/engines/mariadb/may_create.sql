-- Whether the user may create a lab's schema: by a right on all of them, or on a pattern that covers ours.
SELECT COUNT(*) > 0 AS may_create
FROM (SELECT grantee, '%' AS pattern FROM information_schema.user_privileges WHERE privilege_type = 'CREATE'
      UNION ALL
      SELECT grantee, table_schema FROM information_schema.schema_privileges WHERE privilege_type = 'CREATE') AS granted
WHERE :schema LIKE pattern
  AND grantee = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''',
                       SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')
