-- Who has a lock of GET_LOCK, in words. Only the performance schema knows what a program calls itself.
SELECT CONCAT(COALESCE(a.attr_value, p.user), ' (connection ', p.id, ')') AS holder
FROM information_schema.processlist AS p
LEFT JOIN performance_schema.session_connect_attrs AS a ON a.processlist_id = p.id AND a.attr_name = 'program_name'
WHERE p.id = IS_USED_LOCK(:name)
