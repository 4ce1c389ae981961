-- The user that everything logs in as, by IAM and never by a password: one statement, since the Data API runs one.
-- RDS Proxy takes no startup options, so the timeouts of barometer/stores/postgres.py are the role's own.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'barometer_app') THEN
        CREATE ROLE barometer_app LOGIN;
    END IF;
    GRANT rds_iam TO barometer_app;
    -- It owns what the migrations make: aggregate adds a day's partition to posts, alert drops those that are too old.
    GRANT USAGE, CREATE ON SCHEMA public TO barometer_app;
    ALTER ROLE barometer_app SET statement_timeout = 20000;
    ALTER ROLE barometer_app SET lock_timeout = 5000;
    ALTER ROLE barometer_app SET timezone = 'UTC';
END
$$
