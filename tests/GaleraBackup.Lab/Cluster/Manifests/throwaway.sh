#!/bin/bash
# Unpacks and prepares one backup, and starts a server on it that nothing but this pod can reach.
#   BACKUP  the backup's file or folder, in the read-only claim
#   UNPACK  bash that fills the empty folder $DATA from $BACKUP; empty: a stream of mariabackup, compressed or not
set -euo pipefail

work=/restore
export DATA=$work/data

unpack_stream() {
  case $BACKUP in
    *.gz) gzip -dc -- "$BACKUP" ;;
    *.zst) zstd -dc -- "$BACKUP" ;;
    *) cat -- "$BACKUP" ;;
  esac | mbstream -x -C "$DATA"
}

mkdir "$DATA"
if [[ -n ${UNPACK:-} ]]; then
  bash -euo pipefail -c "$UNPACK"
else
  unpack_stream
fi

mariadb-backup --prepare --target-dir="$DATA" 2>&1 | tee $work/prepare.log
tail -n 1 $work/prepare.log | grep -q 'completed OK!'

options=()
if [[ -e /etc/mysql/keys/keyfile ]]; then
  options+=(--plugin-load-add=file_key_management --file-key-management-filename=/etc/mysql/keys/keyfile)
fi

# Without the image's configuration: it would turn wsrep on.
exec mariadbd --no-defaults --datadir="$DATA" --socket=$work/mysqld.sock --pid-file=$work/mysqld.pid --tmpdir=$work \
  --skip-networking --skip-log-bin --wsrep-on=OFF --wsrep-provider=none --innodb-buffer-pool-size=64M --performance-schema=OFF "${options[@]}"
