-- The key of each record that somebody waits for, by the transaction that waits. From the same copy as the waits.
SELECT l.lock_trx_id AS transaction_id, l.lock_data AS lock_key
FROM information_schema.innodb_locks AS l
WHERE l.lock_data IS NOT NULL
