-- Connections that wait for a lock that InnoDB knows nothing of, by the state that the server gives their threads.
SELECT id                            AS connection,
       state                         AS state,
       time_ms                       AS milliseconds
FROM information_schema.processlist
WHERE state LIKE 'Waiting for % lock' OR state = 'User lock'
