-- Who waits for whom, by transaction. A copy that is renewed only after 100 ms without a reader.
SELECT requesting_trx_id AS waiter, blocking_trx_id AS blocker FROM information_schema.innodb_lock_waits
