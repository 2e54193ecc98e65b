#!/bin/sh
# Run once by the image of PostgreSQL on an empty disk: an ordinary role, and a database each for ledger and Prefect.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --set=password="${MINSHENG_PASSWORD:?}" <<'SQL'
CREATE ROLE minsheng LOGIN PASSWORD :'password';
CREATE DATABASE ledger OWNER minsheng TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
CREATE DATABASE prefect OWNER minsheng TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
SQL
