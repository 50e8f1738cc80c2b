-- What the sessions hold: their transactions, and tables of the lab's schema. Locks on indexes follow their table's.
SELECT l.pid                       AS pid,
       l.mode                      AS mode,
       l.locktype                  AS locktype,
       c.relname                   AS table_name,
       l.page                      AS page,
       l.tuple                     AS tuple,
       l.transactionid::text       AS identity
FROM pg_locks AS l
LEFT JOIN pg_class AS c ON c.oid = l.relation AND c.relkind IN ('r', 'p')
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE l.granted
  AND l.pid = ANY (:pids)
  AND (l.locktype = 'transactionid' OR n.nspname = :schema)
ORDER BY l.pid, c.relname, l.mode
