-- Runs once, when the data volume is empty: a role of the gateways that owns one database and is no
-- superuser. Its password comes from the secret and is in no command line and no log.
\set password `cat /run/secrets/store.password`
SET log_min_error_statement = panic;
CREATE ROLE sallyport LOGIN PASSWORD :'password';
-- Lets the gateway see that a standby is asynchronous, and warn of it.
GRANT pg_monitor TO sallyport;
CREATE DATABASE sallyport OWNER sallyport;
REVOKE ALL ON DATABASE sallyport FROM PUBLIC;
