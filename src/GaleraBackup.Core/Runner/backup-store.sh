#!/bin/bash
# Lists or removes backups below a backup root in the vendor's layout. Called through exec: backup-store list | remove ID.
#
# Prints one JSON object a line; exit status 0 only if all was done. Touches only names of the layout and follows no symbolic link.
set -euo pipefail
export LC_ALL=C
readonly root=${GALERA_BACKUP_ROOT:?}
readonly stamp='[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}'

is_backup() {
  local path=$root/$1
  [[ $1 =~ ^base/$stamp$ || $1 =~ ^incr/$stamp/$stamp$ ]] && [[ -d $path && ! -L $path && ! -L ${path%/*} && ! -L $root/${1%%/*} ]]
}

list() {
  local path id complete size
  [[ -d $root ]] || { echo "There is no directory $root on the volume." >&2; exit 3; }
  for path in "$root"/base/*/ "$root"/incr/*/*/; do
    id=${path#"$root"/}
    id=${id%/}
    is_backup "$id" || continue
    complete=false
    [[ -e $root/$id/backup.successful ]] && complete=true
    size=$(du -sb -- "$root/$id")
    printf '{"id":"%s","complete":%s,"sizeBytes":%s}\n' "$id" "$complete" "${size%%[[:space:]]*}"
  done
}

# Renamed aside first: what is removed by half is never taken for a backup.
remove() {
  local aside
  [[ -e $root/$1 ]] || return 0
  is_backup "$1" || { echo "'$1' is not a backup of this layout." >&2; exit 3; }
  aside=$root/.partial/removed_${1//\//_}
  mkdir -p "$root/.partial"
  rm -rf -- "$aside"
  mv -T -- "$root/$1" "$aside"
  rm -rf -- "$aside"
  # The folder of a chain's increments goes with its last one.
  [[ $1 == base/* ]] || rmdir -- "$root/${1%/*}" 2>/dev/null || true
}

case ${1:-} in
  list) list ;;
  remove) remove "${2:?}" ;;
  *) echo 'usage: backup-store list | remove ID' >&2; exit 2 ;;
esac
