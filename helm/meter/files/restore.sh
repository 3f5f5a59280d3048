# Put the newest copy of /backup (or $STAMP) in place of the databases and volumes. docs/operations.md says what comes after.
set -euo pipefail
stamp=${STAMP:-$(cd /backup && ls -1d 2* | sort | tail -n 1)}
[ -n "$stamp" ] && cd "/backup/$stamp"
sha256sum --check --quiet SHA256SUMS
# Beside the databases first: a server that connects meanwhile must find its own whole, and a copy that fails changes nothing.
for dump in *.dump; do
  database=${dump%.dump}
  dropdb --if-exists "restored_$database"
  createdb --owner="$database" "restored_$database"
  pg_restore --no-owner --role="$database" --exit-on-error --dbname="restored_$database" "$dump"
done
for dump in *.dump; do
  database=${dump%.dump}
  dropdb --if-exists --force "$database"
  psql -d postgres -qc "ALTER DATABASE restored_$database RENAME TO $database"
done
for folder in files mlflow; do
  [ ! -f "$folder.tar.gz" ] || tar -C "/source/$folder" -xzf "$folder.tar.gz"
done
echo "restored $stamp"
