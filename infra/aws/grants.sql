-- What the owner lets barometer_rows do: write every row of every table, those to come too, and nothing to a table itself.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO barometer_rows;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO barometer_rows;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO barometer_rows;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO barometer_rows;
REVOKE INSERT, UPDATE, DELETE ON migrations FROM barometer_rows;
