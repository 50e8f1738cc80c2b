-- Every metadata lock held or asked for, whoever has it. Read flat: who waits for whom follows from two matrices.
SELECT t.processlist_id AS connection,
       l.object_type    AS kind,
       l.object_schema  AS schema_name,
       l.object_name    AS object_name,
       l.lock_type      AS mode,
       l.lock_status    AS status
FROM performance_schema.metadata_locks AS l
JOIN performance_schema.threads AS t ON t.thread_id = l.owner_thread_id
WHERE l.object_type IN ('TABLE', 'SCHEMA', 'USER LEVEL LOCK', 'FUNCTION', 'PROCEDURE', 'TRIGGER', 'EVENT')
  AND l.lock_status IN ('GRANTED', 'PENDING')
  AND t.processlist_id <> CONNECTION_ID()
