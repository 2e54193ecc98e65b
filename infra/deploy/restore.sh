#!/bin/sh
# One file of backup.sh into an empty database, all or nothing:  restore.sh FILE ADDRESS
# Then `minsheng verify`. README.md says what else, and what the city has to be told.
set -eu
file=${1:?the file} address=${2:?the address of an empty database}
plain=$(printf %s "$address" | sed -e 's/^postgresql+asyncpg:/postgresql:/' -e 's/\([?&]\)ssl=/\1sslmode=/')
there=$(psql --no-psqlrc --tuples-only --no-align --dbname="$plain" \
    --command="SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
if [ "$there" != 0 ]; then
    echo "restore.sh: the database has $there tables already; give the address of an empty one" >&2
    exit 2
fi
pg_restore --exit-on-error --single-transaction --no-owner --dbname="$plain" "$file"
