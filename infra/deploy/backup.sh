#!/bin/sh
# Both databases into a folder, one file each for every day of the week:  backup.sh FOLDER
# Reads the same addresses as the programs: MINSHENG_DATABASE_URL, and PREFECT_SERVER_DATABASE_CONNECTION_URL if set.
set -eu
umask 077
folder=${1:?the folder for the files}
day=$(date +%u)

# libpq knows no driver names, and calls `ssl` sslmode
address() { printf %s "$1" | sed -e 's/^postgresql+asyncpg:/postgresql:/' -e 's/\([?&]\)ssl=/\1sslmode=/'; }

keep() {
    pg_dump --format=custom --dbname="$(address "$2")" --file="$folder/$1.new"
    pg_restore --file=/dev/null "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1-$day.dump"
}

keep ledger "${MINSHENG_DATABASE_URL:?the address of the ledger}"
if [ -n "${PREFECT_SERVER_DATABASE_CONNECTION_URL:-}" ]; then
    keep prefect "$PREFECT_SERVER_DATABASE_CONNECTION_URL"
fi
