-- By the density that the statistics have, and the pages that there are now, as the planner does it.
SELECT CAST(CASE WHEN relpages > 0 THEN reltuples / relpages * (pg_relation_size(oid) / current_setting('block_size')::int)
            ELSE 0 END AS bigint)
FROM pg_class WHERE oid = to_regclass(:table)
