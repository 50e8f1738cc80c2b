-- One row an edge of the wait-for graph, n:m. Only lock waits; PostgreSQL 14 brought waitstart.
-- Who waits for a row first takes its tuple lock, then waits for the transaction that has it,
-- so the tuple lock names the row.
SELECT w.pid                                                            AS waiter,
       b.pid                                                            AS blocker,
       w.mode                                                           AS mode,
       w.locktype                                                       AS locktype,
       coalesce(w.relation, t.relation)                                 AS relation,
       coalesce(r.relname, tr.relname)                                  AS table_name,
       coalesce(w.page, t.page)                                         AS page,
       coalesce(w.tuple, t.tuple)                                       AS tuple,
       coalesce(w.transactionid::text, w.virtualxid, w.objid::text)     AS identity,
       coalesce(extract(epoch FROM clock_timestamp() - w.waitstart), 0) * 1000 AS milliseconds
FROM pg_locks AS w
CROSS JOIN LATERAL (SELECT DISTINCT unnest(pg_blocking_pids(w.pid)) AS pid) AS b
LEFT JOIN pg_locks AS t ON t.pid = w.pid AND t.locktype = 'tuple' AND t.granted AND w.locktype = 'transactionid'
LEFT JOIN pg_class AS r ON r.oid = w.relation
LEFT JOIN pg_class AS tr ON tr.oid = t.relation
WHERE NOT w.granted
  AND (w.pid = ANY (:pids) OR b.pid = ANY (:pids))
ORDER BY w.waitstart, w.pid, b.pid
