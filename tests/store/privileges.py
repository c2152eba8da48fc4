"""What each stage's role may do to each table and view, read from the catalogs."""

import psycopg

ROLES = ("ingest", "analytics", "api", "readonly", "retain")

# One row for each role, relation and privilege; a privilege on some columns only names them.
PRIVILEGES = """
WITH relation AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
), subject AS (
    SELECT relation.oid, relname, role, privilege
    FROM relation, unnest(%(roles)s::text[]) AS role,
        unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN'])
            AS privilege
)
SELECT relname, role, lower(privilege),
    CASE WHEN has_table_privilege('batchwitness_' || role, oid, privilege) THEN NULL ELSE columns.names END
FROM subject
LEFT JOIN LATERAL (
    SELECT string_agg(attname, ' ' ORDER BY attnum) AS names
    FROM pg_attribute
    WHERE attrelid = oid AND attnum > 0 AND NOT attisdropped
        AND CASE WHEN privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
            THEN has_column_privilege('batchwitness_' || role, oid, attnum, privilege) END
) AS columns ON true
WHERE has_table_privilege('batchwitness_' || role, oid, privilege) OR columns.names IS NOT NULL
ORDER BY relname, role, array_position(ARRAY['SELECT', 'INSERT', 'UPDATE'], privilege)
"""

RELATIONS = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
ORDER BY relname
"""


def privileges(connection: psycopg.Connection) -> dict[str, dict[str, str]]:
    """For every table and view, for every role, its privileges: "select insert update(status end_reason)".

    A privilege on some columns only is followed by their names. A role without any has an empty text.
    """
    relations = connection.execute(RELATIONS.encode()).fetchall()
    found = {str(name): dict.fromkeys(ROLES, "") for (name,) in relations}
    for relation, role, privilege, columns in connection.execute(PRIVILEGES.encode(), {"roles": list(ROLES)}):
        text = f"{privilege}({columns})" if columns else str(privilege)
        found[relation][role] = f"{found[relation][role]} {text}".strip()
    return found
