# Put the newest copy of /backup (or $STAMP) in place of the databases and volumes. Restart MLflow and Prefect afterwards.
set -euo pipefail
stamp=${STAMP:-$(cd /backup && ls -1d 2* | sort | tail -n 1)}
[ -n "$stamp" ] && cd "/backup/$stamp"
sha256sum --check --quiet SHA256SUMS
for dump in *.dump; do
  database=${dump%.dump}
  dropdb --if-exists --force "$database"
  createdb --owner="$database" "$database"
  pg_restore --no-owner --role="$database" --exit-on-error --dbname="$database" "$dump"
done
for folder in files mlflow; do
  [ ! -f "$folder.tar.gz" ] || tar -C "/source/$folder" -xzf "$folder.tar.gz"
done
echo "restored $stamp"
