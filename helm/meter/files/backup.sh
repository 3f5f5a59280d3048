# Copy every database and volume to /backup/STAMP; it appears whole or not at all, and the newest $KEEP stay.
set -euo pipefail
stamp=$(date -u +%Y%m%dT%H%M%SZ)
part=/backup/.$stamp
# One copy at a time (concurrencyPolicy): what an earlier one left half done is nobody's.
rm -rf /backup/.2*
trap 'rm -rf "$part"' EXIT
mkdir -p "$part"
# Databases first: a file that a row names is older than the row, so what is copied later holds it.
for database in $(psql -d postgres -Atc "SELECT datname FROM pg_database WHERE datname IN ('meter', 'prefect', 'mlflow')"); do
  pg_dump --format=custom --file="$part/$database.dump" "$database"
done
# What is in a volume, without the volume itself: who restores it may not own the place where it is mounted.
for folder in files mlflow; do
  [ -d "/source/$folder" ] || continue
  find "/source/$folder" -mindepth 1 -maxdepth 1 ! -name lost+found -printf '%P\0' |
    tar -C "/source/$folder" --null --files-from=- -czf "$part/$folder.tar.gz" ||
    [ $? -eq 1 ] # a file that grew while it was read, such as a log: there, and the newest of it next time
done
(cd "$part" && sha256sum -- * >SHA256SUMS)
mv "$part" "/backup/$stamp"
ls -1d /backup/2* | sort | head -n "-$KEEP" | while read -r old; do rm -rf "$old"; done
echo "copied to $stamp: $(du -sh "/backup/$stamp" | cut -f1)"
