-- The users that everything logs in as, by IAM and never by a password: one statement, since the Data API runs one. The
-- owner makes the tables, and by grants.sql lets the other write rows into them.
-- RDS Proxy takes no startup options, so the timeouts of barometer/stores/postgres.py are the roles' own.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['barometer_owner', 'barometer_rows'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format('GRANT rds_iam TO %I', name);
        EXECUTE format('ALTER ROLE %I SET statement_timeout = 20000', name);
        EXECUTE format('ALTER ROLE %I SET lock_timeout = 5000', name);
        EXECUTE format('ALTER ROLE %I SET timezone = %L', name, 'UTC');
    END LOOP;
    GRANT USAGE, CREATE ON SCHEMA public TO barometer_owner;
    GRANT USAGE ON SCHEMA public TO barometer_rows;
END
$$
